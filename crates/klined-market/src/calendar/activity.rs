//! The course of a market's activity through a day: how much prices move and how much is traded, slot by slot.

/// The course of one kind of day. Slots have one length and fill the day.
#[derive(Debug)]
pub struct DayActivity {
    /// Mean |r| of each slot, relative to the day's mean.
    pub moves: &'static [f64],
    /// Share of each slot in the day's volume, in any unit.
    pub volume: &'static [f64],
    /// The volume of the opening auction, part of the first minute, as a share of the day's.
    pub opening_auction: f64,
    /// The volume of the closing auction, part of the last minute, as a share of the day's.
    pub closing_auction: f64,
    /// The variance of such a day without the night, in those of the market's mean day.
    pub variance: f64,
    /// The volume of such a day, in those of the market's mean day.
    pub day_volume: f64,
}

/// Shanghai, measured on A-shares over 300 days, by quarter-hours.
pub(super) static SSE: DayActivity = DayActivity {
    moves: &[2.77, 1.51, 1.22, 1.02, 0.93, 0.84, 0.79, 0.79, 1.05, 0.80, 0.77, 0.73, 0.77, 0.67, 0.70, 0.65],
    volume: &[18.75, 10.21, 7.77, 6.11, 5.23, 4.46, 4.08, 3.86, 5.29, 4.23, 4.22, 4.07, 4.32, 4.25, 5.47, 7.70],
    opening_auction: 0.015,
    closing_auction: 0.013,
    variance: 1.0,
    day_volume: 1.0,
};

/// New York, by quarter-hours: a U in moves and in volume, with a large closing auction. Set by hand from what is generally known of
/// it, not measured.
pub(super) static NYSE: DayActivity = DayActivity {
    moves: &[
        2.30, 1.60, 1.35, 1.20, 1.10, 1.02, 0.96, 0.91, 0.87, 0.84, 0.81, 0.79, 0.77, 0.76, 0.76, 0.76, 0.77, 0.79,
        0.81, 0.83, 0.86, 0.89, 0.93, 0.98, 1.08, 1.35,
    ],
    volume: &[
        8.50, 5.60, 4.70, 4.30, 3.90, 3.60, 3.40, 3.20, 3.00, 2.80, 2.70, 2.60, 2.50, 2.50, 2.50, 2.60, 2.60, 2.70,
        2.80, 3.00, 3.20, 3.50, 3.90, 4.60, 6.20, 13.60,
    ],
    opening_auction: 0.010,
    closing_auction: 0.070,
    variance: 1.0,
    day_volume: 1.0,
};

/// The same on a day that closes at 13:00.
pub(super) static NYSE_EARLY: DayActivity = DayActivity {
    moves: &[2.10, 1.50, 1.25, 1.12, 1.02, 0.94, 0.88, 0.84, 0.81, 0.79, 0.80, 0.83, 0.92, 1.20],
    volume: &[11.50, 8.00, 6.90, 6.20, 5.70, 5.30, 5.00, 4.80, 4.70, 4.80, 5.20, 6.00, 8.50, 17.40],
    opening_auction: 0.010,
    closing_auction: 0.080,
    variance: 210.0 / 390.0,
    day_volume: 0.45,
};

/// A weekday around the clock: flat. Five of these and two weekend days have the variance and the volume of seven mean days.
pub(super) static WEEKDAY: DayActivity = DayActivity { variance: 1.1146, day_volume: 1.1112, ..FLAT };

/// A Saturday or Sunday around the clock: smaller moves and less volume.
pub(super) static WEEKEND: DayActivity = DayActivity { variance: 0.7135, day_volume: 0.7220, ..FLAT };

const FLAT: DayActivity = DayActivity {
    moves: &[1.0; 24],
    volume: &[1.0; 24],
    opening_auction: 0.0,
    closing_auction: 0.0,
    variance: 1.0,
    day_volume: 1.0,
};

/// Foreign exchange, by hours from 17:00 New York: Asia's morning, then the opens of London and New York, whose overlap is the
/// busiest. Set by hand from what is generally known of it, not measured.
pub(super) static FX: DayActivity = DayActivity {
    moves: &[
        0.55, 0.60, 0.80, 0.90, 0.90, 0.75, 0.65, 0.65, 0.75, 1.05, 1.40, 1.30, 1.10, 1.05, 1.20, 1.60, 1.50, 1.60,
        1.30, 1.00, 0.95, 0.90, 0.75, 0.60,
    ],
    volume: &[
        0.25, 0.35, 0.65, 0.85, 0.85, 0.65, 0.55, 0.55, 0.75, 1.15, 1.70, 1.60, 1.30, 1.25, 1.50, 2.10, 1.95, 2.00,
        1.55, 1.10, 0.95, 0.85, 0.60, 0.40,
    ],
    opening_auction: 0.0,
    closing_auction: 0.0,
    variance: 1.0,
    day_volume: 1.0,
};
