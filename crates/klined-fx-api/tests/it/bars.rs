//! Bars sum exactly, hold every price of the market, and come in pages.

use klined_fx::base::{Hours, NoMarket, Pair};
use klined_fx::market::Fill;
use klined_fx::plan::PlannedSecond;
use klined_fx::rows::{BookRow, CoreRow, Depth, RowMaker, Sink};
use klined_market::base::Seed;
use serde_json::Value;

use super::{Api, FRIDAY, SATURDAY, market};

/// Open, high, low, close and volume of bars as one.
fn rolled(bars: &[Value]) -> [f64; 5] {
    let of = |name: &'static str| bars.iter().map(move |bar| bar[name].as_f64().unwrap());
    let last = bars.last().unwrap()["c"].as_f64().unwrap();
    [of("o").next().unwrap(), of("h").fold(f64::MIN, f64::max), of("l").fold(f64::MAX, f64::min), last, of("v").sum()]
}

#[test]
fn longer_bars_are_the_exact_sums_of_shorter_ones() {
    let api = Api::at(SATURDAY, Hours::Week);
    let bars = |window: &str, limit: u32| {
        api.all(&format!("/v2/aggs/ticker/C:EURUSD/range/{window}/2025-07-11/2025-07-11?limit={limit}")).0
    };
    let (minutes, hours, days) = (bars("1/minute", 50_000), bars("1/hour", 50_000), bars("1/day", 5_000));
    // Friday ends at 17:00 in New York, which is 21:00 UTC.
    assert_eq!([minutes.len(), hours.len(), days.len()], [1260, 21, 1]);
    assert_eq!(rolled(&minutes), rolled(&days));
    assert_eq!(rolled(&hours), rolled(&days));
    for hour in &hours {
        let start = hour["t"].as_i64().unwrap();
        let within = |bar: &&Value| (start..start + 3_600_000).contains(&bar["t"].as_i64().unwrap());
        let own: Vec<Value> = minutes.iter().filter(within).cloned().collect();
        assert_eq!(rolled(&own), rolled(std::slice::from_ref(hour)), "{hour}");
    }
    let seconds =
        api.all(&format!("/v2/aggs/ticker/C:EURUSD/range/1/second/{}/{}", FRIDAY * 1000, (FRIDAY + 59) * 1000)).0;
    let minute = minutes.iter().find(|bar| bar["t"] == FRIDAY * 1000).unwrap();
    assert_eq!(rolled(&seconds), rolled(std::slice::from_ref(minute)));
    let grouped = api.get("/v2/aggs/grouped/locale/global/market/fx/2025-07-11");
    let own = grouped["results"].as_array().unwrap().iter().find(|bar| bar["T"] == "C:EURUSD").unwrap();
    assert_eq!(grouped["resultsCount"], 30);
    assert_eq!(rolled(std::slice::from_ref(own)), rolled(&days));
    let previous = api.get("/v2/aggs/ticker/C:EURUSD/prev");
    assert_eq!(rolled(previous["results"].as_array().unwrap()), rolled(&days));
}

#[test]
fn pages_in_either_order_join_to_the_whole() {
    let api = Api::at(SATURDAY, Hours::Week);
    let path = "/v2/aggs/ticker/C:USDJPY/range/15/minute/2025-07-10/2025-07-11";
    let (whole, pages) = api.all(&format!("{path}?limit=50000"));
    assert_eq!((whole.len(), pages), (180, 1));
    let (paged, pages) = api.all(&format!("{path}?limit=150"));
    assert_eq!((&paged, pages), (&whole, 18));
    let (mut backwards, _) = api.all(&format!("{path}?limit=150&sort=desc"));
    backwards.reverse();
    assert_eq!(backwards, whole);
    let empty = api.get("/v2/aggs/ticker/C:EURUSD/range/1/minute/2025-07-12/2025-07-12");
    assert_eq!((&empty["resultsCount"], empty["results"].is_null()), (&0.into(), true), "a Saturday has no bar");
}

/// The prices of one pair.
struct Mids(Pair, Vec<(i64, f64)>);

impl Sink for Mids {
    type Error = NoMarket;

    fn book(&mut self, _: &BookRow) -> Result<(), NoMarket> {
        Ok(())
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), NoMarket> {
        if row.pair == self.0 {
            self.1.push((row.micros, (row.bid_price + row.ask_price) / 2.0));
        }
        Ok(())
    }

    fn trade(&mut self, _: &Fill) -> Result<(), NoMarket> {
        Ok(())
    }
}

#[test]
fn the_rows_of_the_generator_lie_within_the_bars() {
    let api = Api::at(SATURDAY, Hours::Week);
    let (market, pairs) = (market(Hours::Week), Pair::all());
    let streams = klined_fx::base::Streams(Seed(7));
    let mut maker = RowMaker::new(market.walk(&pairs), streams, &pairs, Depth { least: 5, most: 5 });
    for pair in [pairs[0], pairs[2], pairs[15]] {
        let mut mids = Mids(pair, Vec::new());
        for second in FRIDAY..FRIDAY + 60 {
            maker.second(PlannedSecond::whole(second, 0, 900), &mut mids).unwrap();
        }
        let path = format!("/v2/aggs/ticker/C:{pair}/range/1/minute/{}/{}", FRIDAY * 1000, FRIDAY * 1000);
        let bar = &api.get(&path)["results"][0];
        // A book may lack its best level for a while, so the middle of its prices is half a spread off at most.
        let room = 3.0 * pair.facts().spread_pips * 10.0 / pair.facts().ticks_per_unit();
        let (low, high) = (bar["l"].as_f64().unwrap() - room, bar["h"].as_f64().unwrap() + room);
        assert!(mids.1.len() > 300, "{pair}: {} rows", mids.1.len());
        for (micros, mid) in mids.1 {
            assert!((low..=high).contains(&mid), "{pair} at {micros}: {mid} lies outside of {low} to {high}");
        }
    }
}
