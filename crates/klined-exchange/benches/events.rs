//! Events a second on one core: made by each model, made and written to memory, read from memory.
//!
//! `cargo bench -p klined-exchange --bench events`.

use std::io::Cursor;

use divan::Bencher;
use divan::counter::ItemsCount;
use klined_exchange::log::{Header, LogError, LogReader, LogWriter};
use klined_exchange::model::{Curves, Model, Parameters};
use klined_exchange::session::{Session, SessionSpec};

fn main() {
    divan::main();
}

const SPEC: SessionSpec = SessionSpec {
    seed: 42,
    p0_ticks: 10_000,
    tick_size: 100,
    session_seconds: 3_600,
    levels: 5,
    spread_ticks: 2,
    depth: 5,
    market_open_ns: 34_200_000_000_000,
};

fn made(model: &Model, mut each: impl FnMut(&[klined_exchange::event::Event])) -> u64 {
    let Ok(mut session) = Session::open(&SPEC, model) else { return 0 };
    let mut events = Vec::with_capacity(4096);
    while session.next_events(&mut events, 4096) > 0 {
        each(&events);
        events.clear();
    }
    session.count()
}

fn make(bencher: Bencher<'_, '_>, model: &Model) {
    let count = made(model, |_| {});
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        made(model, |events| {
            divan::black_box(events);
        })
    });
}

#[divan::bench]
fn make_simple(bencher: Bencher<'_, '_>) {
    make(bencher, &Model::simple(Parameters::default()));
}

#[divan::bench]
fn make_hlr(bencher: Bencher<'_, '_>) {
    make(bencher, &Model::hlr(Curves::of_literature(5)));
}

/// The log of a session, and how many events it has.
fn written(model: &Model) -> Result<(Vec<u8>, u64), LogError> {
    let header = Header { session: SPEC, chunk_capacity: 4096, indexed: false };
    let mut writer = LogWriter::create(Cursor::new(Vec::with_capacity(1 << 22)), header)?;
    let mut failed = None;
    let count = made(model, |events| failed = failed.take().or(writer.append(events).err()));
    match failed {
        Some(error) => Err(error),
        None => Ok((writer.finish()?.into_inner(), count)),
    }
}

#[divan::bench]
fn write_simple(bencher: Bencher<'_, '_>) {
    let model = Model::simple(Parameters::default());
    let Ok((bytes, count)) = written(&model) else { return };
    println!("{:.2} bytes an event", bytes.len() as f64 / count as f64);
    bencher.counter(ItemsCount::new(count)).bench_local(|| written(&model));
}

#[divan::bench]
fn read_simple(bencher: Bencher<'_, '_>) {
    let Ok((bytes, count)) = written(&Model::simple(Parameters::default())) else { return };
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        LogReader::open(Cursor::new(&bytes))?.for_each_chunk(|events| {
            divan::black_box(events);
            Ok::<(), LogError>(())
        })
    });
}
