//! `exchange-log convert`: logs in the formats of others.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use crate::export::{
    DbnWriter, HftbacktestWriter, Lobster, OrderSink, RowCount, export_orders, midnight_ns, parquet, text,
};
use crate::itch::{Capture, ItchWriter, MessageFile, PacketCapture};
use crate::log::LogReader;
use crate::run::{date_of_log, symbol_of_log};

/// Which logs, and what becomes of them.
#[derive(Debug, Clone, Args)]
pub struct ConvertArgs {
    /// Logs of one day; formats of orders take several securities
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[arg(long, value_enum)]
    pub to: Format,
    /// The file to write, which must not exist yet; LOBSTER has a second one, with `.book` before its ending
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Symbols of the logs, one each [default: names of the directories they are in]
    #[arg(long, value_name = "SYMBOL,…", value_delimiter = ',')]
    pub symbols: Vec<String>,
}

/// Formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Events, with a header line
    Csv,
    /// Events, an object a line
    Jsonl,
    /// Events with symbol and date, as an Apache Parquet file
    Parquet,
    /// Orders as Nasdaq ITCH 5.0, messages with their lengths before them
    Itch,
    /// Orders as ITCH 5.0 in MoldUDP64 packets, a capture
    Pcap,
    /// Orders and the book after each, as LOBSTER has them
    Lobster,
    /// Orders as Databento's DBN, schema MBO
    Dbn,
    /// Orders of one security for hftbacktest, a NumPy archive (npz)
    Hftbacktest,
}

/// Opens a log.
pub fn open(path: &Path) -> anyhow::Result<LogReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    LogReader::open(file).with_context(|| path.display().to_string())
}

/// A new file; one that is there is never overwritten.
pub fn created(path: &Path) -> anyhow::Result<File> {
    File::create_new(path).with_context(|| format!("cannot make {}", path.display()))
}

/// Does it. Where it fails, no file is left.
///
/// # Errors
/// Names the file or the value that is wrong.
pub fn convert(args: &ConvertArgs) -> anyhow::Result<()> {
    let inputs = Inputs::find(args)?;
    let logs = inputs.open()?;
    let mut made = vec![args.output.clone()];
    if args.to == Format::Lobster {
        made.push(book_path(&args.output));
    }
    let mut outputs = Vec::new();
    for path in &made {
        match created(path) {
            Ok(file) => outputs.push(BufWriter::with_capacity(1 << 20, file)),
            Err(error) => {
                // Those before it are new, and empty.
                made.iter().take(outputs.len()).for_each(|path| drop(fs::remove_file(path)));
                return Err(error);
            }
        }
    }
    let done = inputs.write(logs, args.to, outputs);
    if done.is_err() {
        // Half a file would look like a whole one.
        made.iter().for_each(|path| drop(fs::remove_file(path)));
    }
    done
}

type Output = BufWriter<File>;
type Logs = Vec<(String, LogReader<File>)>;

/// Logs with their symbols.
struct Inputs<'a> {
    files: &'a [PathBuf],
    symbols: Vec<String>,
}

impl<'a> Inputs<'a> {
    fn find(args: &'a ConvertArgs) -> anyhow::Result<Self> {
        let (files, given) = (&args.files, &args.symbols);
        ensure!(given.is_empty() || given.len() == files.len(), "{} symbols for {} logs", given.len(), files.len());
        let symbols: Vec<String> =
            if given.is_empty() { files.iter().map(|file| symbol_of_log(file)).collect() } else { given.clone() };
        let mut seen = BTreeSet::new();
        if let Some(twice) = symbols.iter().find(|symbol| !seen.insert(*symbol)) {
            bail!("the symbol \"{twice}\" is given twice: every log needs one of its own, see --symbols");
        }
        let first = date_of_log(&files[0]).ok();
        if let Some(other) = files.iter().find(|file| date_of_log(file).ok() != first) {
            bail!("{} is of another day than {}", other.display(), files[0].display());
        }
        Ok(Self { files, symbols })
    }

    fn open(&self) -> anyhow::Result<Logs> {
        self.symbols.iter().cloned().zip(self.files).map(|(symbol, file)| Ok((symbol, open(file)?))).collect()
    }

    fn context(&self) -> String {
        self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// The date that the logs are named by.
    fn date(&self) -> anyhow::Result<NaiveDate> {
        Ok(date_of_log(&self.files[0])?)
    }

    fn write(&self, logs: Logs, to: Format, outputs: Vec<Output>) -> anyhow::Result<()> {
        let context = || self.context();
        let mut outputs = outputs.into_iter();
        let (Some(first), second) = (outputs.next(), outputs.next()) else { bail!("no file to write") };
        let mut sink: Box<dyn OrderSink> = match (to, second) {
            (Format::Csv | Format::Jsonl | Format::Parquet, _) => {
                return self.write_events(logs, to, first).with_context(context);
            }
            (Format::Lobster, Some(second)) => Box::new(Lobster::new(first, second)),
            (Format::Pcap, _) => {
                let (date, group) = (self.date()?, Ipv4Addr::new(239, 1, 1, 1));
                let midnight_ns = midnight_ns(date)?;
                let capture = Capture::start(first, group, 5001)?;
                let session = date.format("%Y%m%d").to_string();
                Box::new(ItchWriter::new(PacketCapture::new(capture, &session, midnight_ns)))
            }
            (Format::Dbn, _) => Box::new(DbnWriter::new(first, self.date()?)?),
            (Format::Hftbacktest, _) => {
                let (date, mut count) = (self.date()?, RowCount::default());
                export_orders(self.open()?, &mut count).with_context(context)?;
                Box::new(HftbacktestWriter::new(first, count.rows(), date)?)
            }
            (Format::Itch | Format::Lobster, _) => Box::new(ItchWriter::new(MessageFile(first))),
        };
        export_orders(logs, &mut *sink).with_context(context)
    }

    fn write_events(&self, mut logs: Logs, to: Format, mut output: Output) -> anyhow::Result<()> {
        let [(symbol, log)] = logs.as_mut_slice() else { bail!("this format takes one log, not {}", self.files.len()) };
        match to {
            Format::Parquet => parquet(log, symbol, self.date()?, &mut output)?,
            Format::Csv => text::csv(log, 0, &mut output)?,
            _ => text::json_lines(log, 0, &mut output)?,
        }
        Ok(output.flush()?)
    }
}

/// `a.csv` has its books in `a.book.csv`.
fn book_path(path: &Path) -> PathBuf {
    let extension = path.extension().map_or_else(String::new, |extension| format!(".{}", extension.display()));
    path.with_extension(format!("book{extension}"))
}
