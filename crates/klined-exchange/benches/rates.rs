//! Events a second of processor time beside the plain loop of the same arithmetic, in one run.
//!
//! `cargo bench -p klined-exchange --bench rates`, or `benches/exchange.sh`, which has the original beside it. Rounds alternate between all
//! figures, and medians are printed, so that a busy machine changes rates but hardly their ratios. The plain loop draws one number at a time, uses
//! the platform's logarithm, adds and divides as the model's definition says, and keeps its events nowhere; it is checked to make the same
//! events.

use std::io::Cursor;

use klined_exchange::event::{Event, EventType, Side};
use klined_exchange::log::{Header, LogError, LogReader, LogWriter};
use klined_exchange::model::{Curves, Model, Parameters};
use klined_exchange::session::{Session, SessionSpec};
use rand_mt::Mt64;
use rustix::time::{ClockId, clock_gettime};

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

/// Seconds of processor time of this process.
fn processor_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// A number that depends on every event, so that none can be left out.
fn mix(sum: u64, event: &Event) -> u64 {
    (sum ^ event.ts_ns ^ event.price_ticks as u64 ^ (event.event_type as u64) << 60).rotate_left(1)
}

fn made(model: &Model, mut each: impl FnMut(&[Event])) -> u64 {
    let Ok(mut session) = Session::open(&SPEC, model) else { return 0 };
    let mut events = Vec::with_capacity(4096);
    while session.next_events(&mut events, 4096) > 0 {
        each(&events);
        events.clear();
    }
    session.count()
}

struct Plain {
    random: Mt64,
    best: [i32; 2],
    depths: [Vec<u32>; 2],
}

impl Plain {
    fn draw(&mut self) -> f64 {
        (self.random.next_u64() as f64 / 18_446_744_073_709_551_616.0).min(1.0 - f64::EPSILON / 2.0)
    }

    fn choose(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let (unit, mut running) = (self.draw(), 0.0);
        for (nth, weight) in weights.iter().enumerate() {
            running += weight;
            if running / total > unit {
                return nth;
            }
        }
        weights.len() - 1
    }

    fn rates(&self) -> [f64; 6] {
        let Parameters { base_limit, base_cancel, base_market, execution_floor, spread_sensitivity, .. } =
            Parameters::default();
        let (bid, ask) = (f64::from(self.depths[0][0]), f64::from(self.depths[1][0]));
        let imbalance = (bid - ask) / (bid + ask + 1e-9);
        let wide = f64::from(self.best[1] - self.best[0]) - 2.0;
        let (adds, executions) = ((spread_sensitivity * wide).exp(), (-spread_sensitivity * wide).exp());
        let sum = |side: usize| self.depths[side].iter().map(|depth| f64::from(*depth)).sum::<f64>();
        [
            base_limit * (1.0 - imbalance) * adds,
            base_limit * (1.0 + imbalance) * adds,
            base_cancel * sum(0),
            base_cancel * sum(1),
            base_market * (execution_floor + (-imbalance).max(0.0)) * executions,
            base_market * (execution_floor + imbalance.max(0.0)) * executions,
        ]
        .map(|rate| rate.max(1e-9))
    }

    fn remove(&mut self, side: usize, level: usize, outward: i32) {
        self.depths[side][level] -= 1;
        while self.depths[side][0] == 0 {
            self.depths[side].remove(0);
            self.depths[side].push(SPEC.depth);
            self.best[side] += outward;
        }
    }
}

fn plain(mut each: impl FnMut(Event)) -> u64 {
    let depths = vec![SPEC.depth; SPEC.levels as usize];
    let mut book = Plain { random: Mt64::new(SPEC.seed), best: [9_999, 10_001], depths: [depths.clone(), depths] };
    let add_weights: Vec<f64> = (0..SPEC.levels).map(|level| (-0.5 * f64::from(level)).exp()).collect();
    let (mut time_s, mut count) = (0.0, 0);
    loop {
        let rates = book.rates();
        let total: f64 = rates.iter().sum();
        time_s += -book.draw().max(1e-10).ln() / total;
        if time_s >= f64::from(SPEC.session_seconds) {
            return count;
        }
        let event_type = EventType::ALL[book.choose(&rates)];
        let (side, outward) = (event_type.side() as usize, if event_type.side() == Side::Bid { -1 } else { 1 });
        let (best, spread) = (book.best[side], book.best[1] - book.best[0]);
        let mut price_ticks = best;
        if event_type.is_add() {
            if spread > 1 && book.draw() < (f64::from(spread - 1) * 0.5).min(1.0) {
                price_ticks -= outward;
                book.best[side] = price_ticks;
                book.depths[side].insert(0, 1);
                book.depths[side].pop();
            } else {
                let level = book.choose(&add_weights);
                price_ticks += outward * level as i32;
                book.depths[side][level] += 1;
            }
        } else if event_type.is_execution() {
            book.remove(side, 0, outward);
        } else {
            let weights: Vec<f64> = book.depths[side].iter().map(|depth| f64::from(*depth)).collect();
            let level = book.choose(&weights);
            price_ticks += outward * level as i32;
            book.remove(side, level, outward);
        }
        count += 1;
        let ts_ns = SPEC.market_open_ns + (time_s * 1e9) as u64;
        each(Event { ts_ns, event_type, price_ticks, qty: 1, order_id: count });
    }
}

fn written(model: &Model) -> Result<(Vec<u8>, u64), LogError> {
    let header = Header { session: SPEC, chunk_capacity: 4096, indexed: false };
    let mut writer = LogWriter::create(Cursor::new(Vec::with_capacity(1 << 22)), header)?;
    let mut failed = None;
    let count = made(model, |events| failed = failed.take().or(writer.append(events).err()));
    failed.map_or(Ok(()), Err)?;
    Ok((writer.finish()?.into_inner(), count))
}

fn read(bytes: &[u8]) -> Result<u64, LogError> {
    let mut sum = 0;
    LogReader::open(Cursor::new(bytes))?.for_each_chunk(|events| {
        sum = events.iter().fold(sum, mix);
        Ok::<(), LogError>(())
    })?;
    Ok(sum)
}

fn main() -> Result<(), LogError> {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(15);
    let (simple, hlr) = (Model::simple(Parameters::default()), Model::hlr(Curves::of_literature(5)));
    let (mut expected, mut found) = (0, 0);
    let count = plain(|event| expected = mix(expected, &event));
    made(&simple, |events| found = events.iter().fold(found, mix));
    let (bytes, written_count) = written(&simple)?;
    assert_eq!((expected, expected, written_count), (found, read(&bytes)?, count), "the same events");
    println!("{count} events, {:.2} bytes an event", bytes.len() as f64 / count as f64);

    let mut sum = 0;
    let mut rates: Vec<(&str, Vec<f64>)> = Vec::new();
    for _ in 0..rounds {
        let mut figure = |name: &'static str, work: &mut dyn FnMut() -> u64| {
            let start = processor_s();
            let count = work();
            let rate = count as f64 / (processor_s() - start) / 1e6;
            match rates.iter_mut().find(|(known, _)| *known == name) {
                Some((_, list)) => list.push(rate),
                None => rates.push((name, vec![rate])),
            }
        };
        figure("plain loop", &mut || plain(|event| sum = mix(sum, &event)));
        figure("made, simple", &mut || made(&simple, |events| sum = events.iter().fold(sum, mix)));
        figure("made, hlr", &mut || made(&hlr, |events| sum = events.iter().fold(sum, mix)));
        figure("made and written", &mut || written(&simple).map_or(0, |(_, count)| count));
        figure("read", &mut || read(&bytes).map_or(0, |_| count));
    }
    let mut reference = None;
    for (name, list) in &mut rates {
        list.sort_by(f64::total_cmp);
        let (least, median, most) = (list[0], list[list.len() / 2], list[list.len() - 1]);
        let reference = *reference.get_or_insert(median);
        println!("{name:<18} {median:7.2} M/s ({least:.2} to {most:.2}), {:.2} of the plain loop", median / reference);
    }
    println!("(checksum {sum:x})");
    Ok(())
}
