//! The observer of a store: no use of the database passes it, and it learns what was committed.

use klined_market::calendar::Hours;
use std::collections::BTreeMap;
use std::sync::Mutex;

use klined::store::{
    CommittedBars, HistoryPart, Identity, LoadRoles, MonthLoad, MonthRoom, NextPart, Observation, Operation,
    PartSource, StoreError, StoreObserver, StoredScenario,
};

use super::*;
use crate::on_every_backend;

/// Keeps what it learns.
#[derive(Default)]
struct Notebook {
    ended: Mutex<Vec<(Operation, Option<CommittedBars>)>>,
    advances: Mutex<usize>,
}

struct Page<'a> {
    notebook: &'a Notebook,
    operation: Operation,
}

impl StoreObserver for Notebook {
    fn begins(&self, operation: Operation) -> Box<dyn Observation + '_> {
        Box::new(Page { notebook: self, operation })
    }
}

impl Observation for Page<'_> {
    fn advances(&mut self) {
        *self.notebook.advances.lock().unwrap() += 1;
    }

    fn ends(self: Box<Self>, outcome: Result<&CommittedBars, &StoreError>) {
        self.notebook.ended.lock().unwrap().push((self.operation, outcome.ok().cloned()));
    }
}

impl Notebook {
    /// What has ended since the last call.
    fn read(&self) -> Vec<(Operation, Option<CommittedBars>)> {
        std::mem::take(&mut *self.ended.lock().unwrap())
    }

    /// What the only operation of a kind has committed since the last call.
    fn committed(&self, operation: Operation) -> Vec<(Interval, usize)> {
        let mut found: Vec<_> = self.read().into_iter().filter(|(ended, _)| *ended == operation).collect();
        assert_eq!(found.len(), 1, "{operation:?}");
        found.remove(0).1.unwrap().bars.into_iter().collect()
    }
}

/// A desk whose store is observed.
fn observed(database: &Database) -> (Desk, Arc<Notebook>) {
    let (desk, notebook) = (Desk::of(database), Arc::new(Notebook::default()));
    let store = desk.store.observed_by(notebook.clone());
    (Desk { store, ..desk }, notebook)
}

/// Two roll-ups of five minutes and one of a day, of ten minutes.
fn rollups(name: &str, minutes: &[Minute]) -> Vec<RollupWrite> {
    let places = [(Interval::Minute5, 0), (Interval::Day, 0), (Interval::Minute5, 5)];
    let bars = places.map(|(interval, place)| (interval, bar(minutes[place], 77, 7)));
    vec![RollupWrite { bars: bars.into(), ..folding_to(name, minutes[9].start()) }]
}

/// One part, and then the end.
struct Once(Option<HistoryPart>, bool);

impl PartSource for Once {
    fn next(&mut self) -> NextPart {
        self.0.take().map_or(NextPart::End, NextPart::Part)
    }

    fn may_end(&mut self) -> bool {
        self.1
    }
}

fn done<T>(answer: Result<T, StoreError>) {
    if let Err(error) = answer {
        panic!("{error}");
    }
}

type Call = (&'static str, fn(&Desk));

/// A call of every method that uses the database.
const CALLS: [Call; 31] = [
    ("migrate", |desk| done(desk.store.migrate())),
    ("pending_migrations", |desk| done(desk.store.pending_migrations())),
    ("check_schema", |desk| desk.store.check_schema().unwrap()),
    ("acquire", |desk| drop(desk.store.acquire(Role::Writer))),
    ("confirm", |desk| desk.store.confirm(&desk.writer).unwrap()),
    ("identity", |desk| done(desk.store.identity())),
    ("claim", |desk| {
        desk.store.claim(&Identity { seed: 1, model: "gbm-1".to_owned(), hours: Hours::Sse }, &[]).unwrap()
    }),
    ("universe", |desk| done(desk.store.universe())),
    ("progress", |desk| done(desk.store.progress())),
    ("listings", |desk| done(desk.store.listings())),
    ("scenarios", |desk| done(desk.store.scenarios())),
    ("add_scenario", |desk| {
        let scenario = StoredScenario { name: "calm".to_owned(), definition: String::new(), events: vec![] };
        desk.store.add_scenario(&desk.writer, &scenario).unwrap();
    }),
    ("halts", |desk| done(desk.store.halts())),
    ("retained_from", |desk| done(desk.store.retained_from())),
    ("retain_from", |desk| {
        desk.store.retain_from(&desk.writer, UnixSeconds::EPOCH, &|| true).unwrap();
    }),
    ("write", |desk| desk.write(&MarketWrite::default())),
    ("load_part", |desk| {
        let roles = LoadRoles { writer: &desk.writer, aggregator: None };
        desk.store.load_part(roles, &HistoryPart::default()).unwrap();
    }),
    ("bars_after", |desk| done(desk.store.bars_after(&[(symbol("AAA"), UnixSeconds::EPOCH)]))),
    ("bars", |desk| drop(desk.bars("AAA", Interval::Minute1))),
    ("last_bars", |desk| done(desk.store.last_bars(&[all_of("AAA", Interval::Day)], 1))),
    ("traded_bars", |desk| done(desk.store.traded_bars(&[all_of("AAA", Interval::Day)], 1))),
    ("last_traded_bars", |desk| done(desk.store.last_traded_bars(&[all_of("AAA", Interval::Day)], 1))),
    ("prices", |desk| done(desk.store.prices())),
    ("states", |desk| done(desk.store.states())),
    ("status", |desk| done(desk.store.status())),
    ("clock", |desk| done(desk.store.clock())),
    ("follow", |desk| done(desk.store.follow())),
    ("watermarks", |desk| done(desk.store.watermarks())),
    ("rollup_backlog", |desk| done(desk.store.rollup_backlog())),
    ("rollup_tasks and write_rollups", |desk| {
        desk.tasks();
        desk.fold(&[]);
    }),
    ("clear", |desk| desk.store.clear(&desk.writer, None).unwrap()),
];

/// Calls that use the database on PostgreSQL only.
const CALLS_OF_POSTGRES: [Call; 5] = [
    ("may_create_tables", |desk| done(desk.store.may_create_tables())),
    ("may_make_partitions", |desk| done(desk.store.may_make_partitions())),
    ("may_write_rollups", |desk| done(desk.store.may_write_rollups())),
    ("ensure_partitions", |desk| desk.store.ensure_partitions(date(DAY), date(DAY)).unwrap()),
    ("missing_partitions", |desk| done(desk.store.missing_partitions(date(DAY), date(DAY)))),
];

on_every_backend! {
    fn no_call_passes_the_observer(database: &Database) {
        let (desk, notebook) = observed(database);
        let of_postgres = if database.backend == Backend::Postgres { &CALLS_OF_POSTGRES[..] } else { &[] };
        for (name, call) in CALLS.iter().chain(of_postgres) {
            notebook.read();
            call(&desk);
            assert!(!notebook.read().is_empty(), "{name}");
        }
    }

    fn the_observer_learns_which_bars_were_committed(database: &Database) {
        let (desk, notebook) = observed(database);
        let (ten, roles) = (minutes(10), LoadRoles { writer: &desk.writer, aggregator: Some(&desk.aggregator) });
        let rolled = [(Interval::Minute5, 2), (Interval::Day, 1)];

        desk.write(&full_batch("AAA", &ten));
        let written = notebook.read().into_iter().find(|(operation, _)| *operation == Operation::WriteMinutes);
        let expected = CommittedBars {
            bars: BTreeMap::from([(Interval::Minute1, 10)]),
            status: Some(status(Session::Morning, ten[9].start().get())),
        };
        assert_eq!(written, Some((Operation::WriteMinutes, Some(expected))));

        desk.fold(&rollups("AAA", &ten));
        assert_eq!(notebook.committed(Operation::WriteRollups), rolled);

        let part = HistoryPart { minutes: full_batch("BBB", &ten), rollups: rollups("BBB", &ten) };
        desk.store.load_part(roles, &part).unwrap();
        let all = [(Interval::Minute1, 10), rolled[0], rolled[1]];
        assert_eq!(notebook.committed(Operation::LoadPart), all);

        desk.tasks();
        assert_eq!(notebook.committed(Operation::FindRollups), []);

        break_table(database, "stock_state", "INSERT");
        desk.store.write(&desk.writer, &full_batch("CCC", &ten)).unwrap_err();
        let failed = notebook.read();
        assert!(failed.contains(&(Operation::WriteMinutes, None)), "{failed:?}");
    }
}

#[test]
fn the_observer_follows_the_load_of_a_month_and_counts_it_when_it_is_committed() {
    let database = Database::new(Backend::Postgres);
    let (desk, notebook) = observed(&database);
    let roles = LoadRoles { writer: &desk.writer, aggregator: Some(&desk.aggregator) };
    let ten = minutes(10);
    let part = || HistoryPart { minutes: full_batch("AAA", &ten), rollups: rollups("AAA", &ten) };
    for (may_end, load, bars) in [
        (false, MonthLoad::Cancelled, vec![]),
        (true, MonthLoad::Committed, vec![(Interval::Minute1, 10), (Interval::Minute5, 2), (Interval::Day, 1)]),
    ] {
        assert_eq!(desk.store.make_room(date(DAY)).unwrap(), MonthRoom::Free);
        *notebook.advances.lock().unwrap() = 0;
        assert_eq!(desk.store.load_month(roles, date(DAY), &mut Once(Some(part()), may_end)).unwrap(), load);
        assert_eq!(notebook.committed(Operation::LoadMonth), bars);
        assert_eq!(*notebook.advances.lock().unwrap(), 3, "two questions for parts and one for the end");
    }
}
