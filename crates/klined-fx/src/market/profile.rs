//! The hours of the day: how much prices move in them, and how wide spreads are.
//!
//! Activity is the mean hourly range of EURUSD from April 2017 to February 2018, relative to the day's mean, by UTC hour
//! and by whether New York has daylight saving time. Currencies of Asia and America are moved towards their own hours.
//! Spreads follow minute bars of GBPUSD and USDJPY of 2012 and 2013: in Asia's hours GBPUSD is 1.8 times as wide as in
//! London's, and in the hour after 17:00 in New York both are 3.6 times as wide.

use crate::base::currency::{Region, leg_facts};
use crate::base::{DAY_MINUTES, FxDay, LEGS};

/// Mean hourly range by UTC hour while New York has daylight saving time.
#[rustfmt::skip]
pub const ACTIVITY_SUMMER: [f64; 24] = [
    0.78, 0.83, 0.64, 0.51, 0.49, 0.73, 1.27, 1.48, 1.24, 1.15, 1.11, 1.18,
    1.78, 1.50, 1.71, 1.24, 1.08, 1.01, 1.07, 0.81, 0.63, 0.59, 0.59, 0.57,
];
/// The same while New York has standard time.
#[rustfmt::skip]
pub const ACTIVITY_WINTER: [f64; 24] = [
    0.90, 0.83, 0.70, 0.64, 0.55, 0.62, 0.90, 1.29, 1.49, 1.20, 1.09, 1.03,
    1.11, 1.47, 1.52, 1.53, 1.34, 0.99, 0.92, 1.08, 0.74, 0.64, 0.68, 0.75,
];

/// The profile of one kind of day, by minutes since its start.
#[derive(Debug, Clone)]
pub struct DayProfile {
    /// Share of the day's variance of each leg in each minute; sums to 1 over the day.
    pub variance_share: Vec<[f64; LEGS]>,
    /// Activity relative to the day's mean, of all legs together; its first value once more at the end.
    pub activity: Vec<f64>,
    /// Natural logarithm of the spread relative to that in London's afternoon, for pairs of Europe's and America's
    /// currencies, then for pairs with one of Asia's; their first values once more at the end.
    pub log_spread: [Vec<f64>; 2],
}

impl DayProfile {
    /// The profile of a day.
    #[must_use]
    pub fn of(day: &FxDay) -> Self {
        let hours = sharpened(if day.is_summer { &ACTIVITY_SUMMER } else { &ACTIVITY_WINTER });
        let first_minute = (day.start.rem_euclid(86_400) / 60) as usize;
        let utc_minute = |minute: usize| (first_minute + minute) % DAY_MINUTES;
        let mut variance_share = vec![[0.0; LEGS]; DAY_MINUTES];
        for (leg, facts) in leg_facts().iter().enumerate() {
            let mut sum = 0.0;
            for (minute, share) in variance_share.iter_mut().enumerate() {
                let activity = interpolated(&hours, utc_minute(minute)) * tilt(facts.region, utc_minute(minute));
                share[leg] = activity * activity;
                sum += share[leg];
            }
            for share in &mut variance_share {
                share[leg] /= sum;
            }
        }
        let activity = (0..=DAY_MINUTES).map(|minute| interpolated(&hours, utc_minute(minute))).collect();
        let log_spread = [1.8, 1.15].map(|in_asia| (0..=DAY_MINUTES).map(|m| log_spread(m, in_asia)).collect());
        Self { variance_share, activity, log_spread }
    }
}

/// Hours whose means are the given ones after linear interpolation between their centres has smoothed them, nearly.
fn sharpened(hours: &[f64; 24]) -> [f64; 24] {
    std::array::from_fn(|h| {
        let smooth = (hours[(h + 23) % 24] + 6.0 * hours[h] + hours[(h + 1) % 24]) / 8.0;
        hours[h] + (hours[h] - smooth)
    })
}

fn interpolated(hours: &[f64; 24], minute: usize) -> f64 {
    let place = minute as f64 / 60.0 + 23.5;
    let (hour, part) = (place as usize, place - (place as usize) as f64);
    hours[hour % 24] * (1.0 - part) + hours[(hour + 1) % 24] * part
}

/// How much more than EURUSD a currency of a region moves in a minute of the UTC day.
fn tilt(region: Region, utc_minute: usize) -> f64 {
    let hour = utc_minute / 60;
    let (is_asia, is_america) = (!(7..23).contains(&hour), (12..21).contains(&hour));
    match region {
        Region::Europe => 1.0,
        Region::Asia if is_asia => 1.35,
        Region::Asia => 0.95,
        Region::America if is_america => 1.12,
        Region::America if is_asia => 0.85,
        Region::America => 1.0,
    }
}

/// The spread's logarithm some minutes after 17:00 in New York.
fn log_spread(minute: usize, in_asia: f64) -> f64 {
    // Minutes since 17:00 in New York and the spread relative to that in London's afternoon.
    let asia = in_asia.max(1.05);
    let knots = [
        (0.0, 3.9),
        (50.0, 3.5),
        (90.0, asia * 1.2),
        (180.0, asia),
        (520.0, asia),
        (600.0, 1.0),
        (1140.0, 1.0),
        (1320.0, 1.15),
        (1410.0, 1.6),
        (1440.0, 3.9),
    ];
    let minute = minute as f64;
    let after = knots.iter().position(|&(at, _)| at > minute).unwrap_or(knots.len() - 1);
    let ((x0, y0), (x1, y1)) = (knots[after - 1], knots[after]);
    klined_market::model::math::ln(y0 + (y1 - y0) * (minute - x0) / (x1 - x0))
}
