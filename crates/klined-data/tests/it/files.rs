//! Files: whole under their names or not there, and the same bytes every time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use klined_data::columns::{Dataset, Style};
use klined_data::files::{FileError, FileFormat, PartitionBy, PartitionedFiles, SheetStyle, SingleFile};
use klined_data::market::MadeMarket;
use klined_data::pipeline::Cut;
use klined_data::source::Source;
use klined_market::base::Interval;
use klined_testing::date;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::{batches, demo, many, pieces};

fn bars(threads: usize) -> Vec<RecordBatch> {
    batches(&demo(&["AAPL", "BRK.B"], "2026-03-02", "2026-03-06").unwrap(), Dataset::Bars(Interval::Minute1), threads)
}

fn single(path: &Path, overwrite: bool, style: SheetStyle, rows: &[RecordBatch]) -> Result<(), FileError> {
    let mut file = SingleFile::begin(path, overwrite, style, &rows[0].schema())?;
    rows.iter().try_for_each(|rows| file.write(rows))?;
    file.finish()
}

/// The files below a directory, as paths from there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path.strip_prefix(directory).unwrap().to_owned()) }
        }
    }
    found.sort();
    found
}

#[test]
fn a_file_has_the_same_bytes_for_any_threads() {
    let folder = TempDir::new().unwrap();
    for format in FileFormat::ALL {
        let write = |threads: usize| {
            let path = folder.path().join(format!("{threads}.{format}"));
            single(&path, false, SheetStyle::new(format), &bars(threads)).unwrap();
            fs::read(path).unwrap()
        };
        let one = write(1);
        assert!(one.len() > 10_000, "{format} has {} bytes", one.len());
        assert!(write(2) == one && write(3) == one, "{format}");
    }
}

#[test]
fn text_is_as_people_read_it() {
    let folder = TempDir::new().unwrap();
    let lines = |format: FileFormat| -> Vec<String> {
        let path = folder.path().join(format!("x.{format}"));
        single(&path, false, SheetStyle::new(format), &bars(1)).unwrap();
        fs::read_to_string(path).unwrap().lines().take(2).map(str::to_owned).collect()
    };
    let csv = lines(FileFormat::Csv);
    assert_eq!(csv[0], "symbol,time,open,high,low,close,volume,turnover,trades");
    assert!(csv[1].starts_with("AAPL,2026-03-02T09:30:00+08:00,150.0,"), "{}", csv[1]);
    let json = lines(FileFormat::Jsonl);
    assert!(
        json[0].starts_with("{\"symbol\":\"AAPL\",\"time\":\"2026-03-02T09:30:00+08:00\",\"open\":150.0,"),
        "{}",
        json[0]
    );
}

#[test]
fn parquet_has_row_groups_statistics_a_dictionary_zstd_and_its_origin() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.parquet");
    let rows = bars(1);
    let style = SheetStyle { group_rows: 1_000, ..SheetStyle::new(FileFormat::Parquet) };
    single(&path, false, style, &rows).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
    let metadata = reader.metadata().clone();
    assert_eq!(metadata.row_groups().iter().map(|group| group.num_rows()).collect::<Vec<_>>(), [1_000, 1_000, 400]);
    for column in metadata.row_groups()[0].columns() {
        assert!(column.statistics().is_some(), "{:?}", column.column_path());
        assert!(format!("{:?}", column.compression()).starts_with("ZSTD"));
    }
    assert!(metadata.row_groups()[0].column(0).dictionary_page_offset().is_some());
    let read: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let rows_of = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    assert_eq!(rows_of(&read), rows_of(&rows));
    assert_eq!(read[0].schema().fields(), rows[0].schema().fields());
    assert!(read[0].columns() == rows[0].slice(0, read[0].num_rows()).columns());
}

#[test]
fn a_file_that_was_not_finished_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.csv");
    let rows = bars(1);
    let mut file = SingleFile::begin(&path, false, SheetStyle::new(FileFormat::Csv), &rows[0].schema()).unwrap();
    file.write(&rows[0]).unwrap();
    assert!(!path.exists());
    assert_eq!(files(folder.path()).len(), 1);
    drop(file);
    assert_eq!(files(folder.path()), [""; 0].map(PathBuf::from));
}

#[test]
fn what_is_there_already_stays() {
    let folder = TempDir::new().unwrap();
    let (path, rows) = (folder.path().join("x.csv"), bars(1));
    let style = SheetStyle::new(FileFormat::Csv);
    fs::write(&path, "mine").unwrap();
    let refused = |path: &Path| single(path, false, style, &rows).unwrap_err().to_string();
    assert!(refused(&path).contains("exists already"), "{}", refused(&path));
    assert!(refused(folder.path()).contains("is a directory"), "{}", refused(folder.path()));
    assert!(refused(&folder.path().join("none/x.csv")).starts_with("cannot write in"));
    // Something that came while the rows were made.
    let late = folder.path().join("late.csv");
    let mut file = SingleFile::begin(&late, false, style, &rows[0].schema()).unwrap();
    file.write(&rows[0]).unwrap();
    fs::write(&late, "mine").unwrap();
    assert!(file.finish().unwrap_err().to_string().contains("exists already"));
    assert_eq!(fs::read_to_string(&late).unwrap(), "mine");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    single(&path, true, style, &rows).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("symbol,"));
}

/// Writes a directory, and gives what it did to its end.
fn partitioned(path: &Path, by: PartitionBy, market: &MadeMarket, threads: usize) -> Result<(), FileError> {
    let cut = Cut { by_day: by.date, by_symbol: by.symbol };
    let made = pieces(market, Dataset::Bars(Interval::Minute15), Style::default(), threads, cut);
    let style = SheetStyle::new(FileFormat::Parquet);
    let mut directory = PartitionedFiles::begin(path, by, style, &made[0].2.schema())?;
    for (day, place, rows) in made {
        directory.write(date(&day), market.symbols()[place], &rows)?;
    }
    directory.finish()
}

#[test]
fn a_directory_is_divided_by_date_and_symbol() {
    let folder = TempDir::new().unwrap();
    let market = demo(&["AAPL", "BRK.B"], "2026-03-02", "2026-03-03").unwrap();
    for (name, wanted) in [
        ("date", &["date=2026-03-02/part-0.parquet", "date=2026-03-03/part-0.parquet"][..]),
        ("symbol", &["symbol=AAPL/part-0.parquet", "symbol=BRK.B/part-0.parquet"]),
        (
            "date,symbol",
            &[
                "date=2026-03-02/symbol=AAPL/part-0.parquet",
                "date=2026-03-02/symbol=BRK.B/part-0.parquet",
                "date=2026-03-03/symbol=AAPL/part-0.parquet",
                "date=2026-03-03/symbol=BRK.B/part-0.parquet",
            ],
        ),
    ] {
        let by: PartitionBy = name.parse().unwrap();
        let (one, other) = (folder.path().join(name), folder.path().join(format!("{name} again")));
        partitioned(&one, by, &market, 1).unwrap();
        partitioned(&other, by, &market, 3).unwrap();
        assert_eq!(files(&one), wanted.iter().map(PathBuf::from).collect::<Vec<_>>());
        for file in wanted {
            assert!(fs::read(one.join(file)).unwrap() == fs::read(other.join(file)).unwrap(), "{file}");
            let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(one.join(file)).unwrap()).unwrap();
            assert_eq!(reader.schema().column_with_name("symbol").is_none(), by.symbol);
        }
    }
}

#[test]
fn a_directory_with_files_stays_and_one_that_was_not_finished_is_none() {
    let folder = TempDir::new().unwrap();
    let (market, by) = (many(3), PartitionBy { date: true, symbol: false });
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("x"), "mine").unwrap();
    let error = partitioned(&mine, by, &market, 1).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
    let error = partitioned(&mine.join("x"), by, &market, 1).unwrap_err().to_string();
    assert!(error.contains("is a file"), "{error}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    partitioned(&folder.path().join("empty"), by, &market, 1).unwrap();
    let rows = batches(&market, Dataset::Bars(Interval::Minute15), 1);
    let style = SheetStyle::new(FileFormat::Csv);
    let mut half =
        PartitionedFiles::begin(&folder.path().join("half"), by, style, &Arc::clone(rows[0].schema_ref())).unwrap();
    half.write(date("2026-03-02"), market.symbols()[0], &rows[0]).unwrap();
    drop(half);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(fs::read_to_string(mine.join("x")).unwrap(), "mine");
}
