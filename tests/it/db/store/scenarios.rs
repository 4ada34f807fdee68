//! Scenarios and halts come back as they were written.

use klined::store::{MarketWrite, Role, StoreError, StoredScenario};
use klined_market::bars::Halt;
use klined_market::base::{Seconds, UnixSeconds};
use klined_market::model::{Effect, Regime, ScenarioEvent, Scope};

use super::{Desk, assert_query_fails, symbol};
use crate::on_every_backend;
use crate::support::database::{Backend, Database};

fn every_kind(name: &str) -> StoredScenario {
    let event = |scope, effect, from| {
        let from = UnixSeconds::new(from);
        ScenarioEvent { scope, effect, from, until: from + Seconds::minutes(10) }
    };
    let sector = || Scope::Sector("Food & \"beverage\"".to_owned());
    StoredScenario {
        name: name.to_owned(),
        definition: format!("{name}: several\nlines\n"),
        events: vec![
            event(Scope::Market, Effect::Halt, 60),
            event(sector(), Effect::Regime(Regime::Sideways), 120),
            event(Scope::Symbol(symbol("BRK.B")), Effect::Move { percent: -1.0 / 3.0 }, 0),
            event(Scope::Market, Effect::Gap { percent: 7.25 }, 86_400),
            event(sector(), Effect::Volatility { factor: 0.1 + 0.2 }, 60),
        ],
    }
}

on_every_backend! {
    fn scenarios_come_back_bit_for_bit_in_the_order_in_which_they_were_applied(database: &Database) {
        let desk = Desk::of(database);
        assert_eq!(desk.store.scenarios().unwrap(), []);
        let both = [every_kind("second-by-name"), every_kind("first-by-name")];
        both.iter().for_each(|scenario| desk.store.add_scenario(&desk.writer, scenario).unwrap());
        assert_eq!(desk.store.scenarios().unwrap(), both);
    }

    fn a_name_is_taken_once_and_a_refused_scenario_leaves_nothing(database: &Database) {
        let desk = Desk::of(database);
        desk.store.add_scenario(&desk.writer, &every_kind("crash")).unwrap();
        let again = desk.store.add_scenario(&desk.writer, &every_kind("crash"));
        assert_query_fails(again, match database.backend {
            Backend::Sqlite => "UNIQUE constraint failed",
            Backend::Postgres => "duplicate key value violates unique constraint",
        });
        assert_eq!(desk.store.scenarios().unwrap(), [every_kind("crash")]);
    }

    fn a_writer_that_was_overtaken_applies_nothing(database: &Database) {
        let Desk { store, writer, .. } = Desk::of(database);
        database.execute("UPDATE role_epoch SET epoch = epoch + 1");
        let refused = store.add_scenario(&writer, &every_kind("crash"));
        assert!(matches!(refused, Err(StoreError::RoleLost { role: Role::Writer })));
        assert_eq!(store.scenarios().unwrap(), []);
    }

    fn an_event_that_was_edited_into_nonsense_is_reported(database: &Database) {
        let desk = Desk::of(database);
        desk.store.add_scenario(&desk.writer, &every_kind("crash")).unwrap();
        database.execute("UPDATE scenario_event SET amount = 1e9 WHERE kind = 'move'");
        let error = desk.store.scenarios().unwrap_err().to_string();
        assert!(error.contains("scenario_event crash"), "{error}");
    }

    fn a_halt_is_kept_once_and_goes_with_its_symbol(database: &Database) {
        let desk = Desk::of(database);
        let halt = |name: &str, from, until| Halt { symbol: symbol(name), from: UnixSeconds::new(from), until: UnixSeconds::new(until) };
        let halts = vec![halt("b", 120, 240), halt("B", 60, 120), halt("b", 0, 60)];
        desk.write(&MarketWrite { halts: halts.clone(), ..MarketWrite::default() });
        desk.write(&MarketWrite { halts: vec![halt("b", 120, 300)], ..MarketWrite::default() });
        assert_eq!(desk.store.halts().unwrap(), [halt("B", 60, 120), halt("b", 0, 60), halt("b", 120, 300)]);
        desk.store.clear(&desk.writer, Some(&symbol("b"))).unwrap();
        assert_eq!(desk.store.halts().unwrap(), [halt("B", 60, 120)]);
    }

    fn scenarios_go_with_the_whole_market_only(database: &Database) {
        let desk = Desk::of(database);
        desk.store.add_scenario(&desk.writer, &every_kind("crash")).unwrap();
        desk.store.clear(&desk.writer, Some(&symbol("b"))).unwrap();
        assert_eq!(desk.store.scenarios().unwrap().len(), 1);
        desk.store.clear(&desk.writer, None).unwrap();
        assert_eq!(desk.store.scenarios().unwrap(), []);
    }
}
