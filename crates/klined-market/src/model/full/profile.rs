//! The intraday profiles of volatility and volume, from the open to the close.
//!
//! What moves and trades when is the calendar's: [`DayActivity`](crate::calendar::DayActivity). It gives both by slots, which get a
//! linear course inside each that does not change its sum. In Shanghai volatility falls from the open and does not rise at the
//! close; volume is high at the open and again at the end, and its first and last minutes include the auctions (the U-shape goes
//! back to R. A. Wood, T. H. McInish, J. K. Ord, Journal of Finance 40 (1985)).

use super::parameters;
use crate::calendar::DayKind;

/// Minutes of the closing call: it trades in the last of them.
const CALL: usize = 3;

/// The profiles of a day: a value for each minute.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    /// Standard deviation of a minute's return as a share of a mean day's without the night: on a regular day of an exchange the
    /// squares sum to 1.
    pub volatility: Vec<f64>,
    /// Share of a mean day's volume.
    pub volume: Vec<f64>,
    /// The minute from which a closing call is held; the number of minutes without one.
    pub call_from: usize,
}

impl Profile {
    /// With a closing call, its minutes before the last have no volume, and the last has that of the call alone.
    pub(super) fn new(parameters: &parameters::ProfileParameters, kind: DayKind, has_closing_call: bool) -> Self {
        let minutes = kind.minutes();
        if !parameters.enabled {
            let share = 1.0 / f64::from(kind.regular_minutes());
            return Self { volatility: vec![share.sqrt(); minutes], volume: vec![share; minutes], call_from: minutes };
        }
        let activity = kind.activity();
        let slot = minutes / activity.volume.len();
        let mut volatility = course(kind, activity.moves);
        let energy: f64 = volatility.iter().map(|s| s * s).sum();
        let deviation = activity.variance.sqrt();
        volatility.iter_mut().for_each(|s| *s = *s / energy.sqrt() * deviation);
        let mut continuous = activity.volume.to_vec();
        let total: f64 = activity.volume.iter().sum();
        let last_slot = continuous.len() - 1;
        continuous[0] -= activity.opening_auction * total;
        continuous[last_slot] -= activity.closing_auction * total;
        let mut volume = course(kind, &continuous);
        volume.iter_mut().for_each(|share| *share /= total * slot as f64);
        volume[0] += activity.opening_auction;
        let mut call_from = minutes;
        if has_closing_call {
            call_from = minutes - CALL;
            // The slot keeps its volume.
            let last = last_slot * slot;
            let (all, kept): (f64, f64) = (volume[last..].iter().sum(), volume[last..call_from].iter().sum());
            volume[last..call_from].iter_mut().for_each(|share| *share *= all / kept);
            volume[minutes - 1] = 0.0;
        }
        volume[minutes - 1] += activity.closing_auction;
        volume.iter_mut().for_each(|share| *share *= activity.day_volume);
        Self { volatility, volume, call_from }
    }
}

/// Minutes whose mean in each slot is the slot's, going from one towards the next. No line is drawn across a break.
fn course(kind: DayKind, slots: &[f64]) -> Vec<f64> {
    let length = kind.minutes() / slots.len();
    let opens: Vec<usize> = kind.session_opens().map(|minute| minute / length).collect();
    let mut minutes = Vec::with_capacity(kind.minutes());
    for (slot, &level) in slots.iter().enumerate() {
        let before = if opens.contains(&slot) { level } else { slots[slot - 1] };
        let after = slots.get(slot + 1).filter(|_| !opens.contains(&(slot + 1))).copied().unwrap_or(level);
        let slope = (0.5 * (after - before)).clamp(-level, level) / length as f64;
        for minute in 0..length {
            let from_centre = minute as f64 - (length - 1) as f64 / 2.0;
            minutes.push(level + slope * from_centre);
        }
    }
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Hours;

    #[test]
    fn slots_keep_their_sums() {
        let kinds = Hours::ALL.into_iter().flat_map(Hours::day_kinds).map(|kind| (kind, false));
        // Only Shanghai has a closing call.
        for (kind, has_closing_call) in kinds.chain(Hours::Sse.day_kinds().map(|kind| (kind, true))) {
            let profile = Profile::new(&parameters::ProfileParameters::default(), kind, has_closing_call);
            // The minutes of the call before the last, in which nothing trades whatever their share is.
            let pause = profile.call_from..kind.minutes() - 1;
            let activity = kind.activity();
            let volume = activity.volume;
            let length = kind.minutes() / volume.len();
            assert_eq!(length * volume.len(), kind.minutes());
            assert_eq!(kind.activity().moves.len(), volume.len());
            assert_eq!((profile.volatility.len(), profile.volume.len()), (kind.minutes(), kind.minutes()));
            for (slot, share) in volume.iter().enumerate() {
                let of_slot = slot * length..(slot + 1) * length;
                let sum: f64 = of_slot.filter(|at| !pause.contains(at)).map(|at| profile.volume[at]).sum();
                assert!((sum / activity.day_volume - share / volume.iter().sum::<f64>()).abs() < 1e-12);
            }
            let energy: f64 = profile.volatility.iter().map(|s| s * s).sum();
            assert!((energy - activity.variance).abs() < 1e-12);
            assert!(profile.volume.iter().chain(&profile.volatility).all(|&value| value > 0.0));
        }
    }
}
