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
}

/// Shanghai, measured on A-shares over 300 days, by quarter-hours.
pub(super) static SSE: DayActivity = DayActivity {
    moves: &[2.77, 1.51, 1.22, 1.02, 0.93, 0.84, 0.79, 0.79, 1.05, 0.80, 0.77, 0.73, 0.77, 0.67, 0.70, 0.65],
    volume: &[18.75, 10.21, 7.77, 6.11, 5.23, 4.46, 4.08, 3.86, 5.29, 4.23, 4.22, 4.07, 4.32, 4.25, 5.47, 7.70],
    opening_auction: 0.015,
    closing_auction: 0.013,
};
