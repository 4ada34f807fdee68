//! Stock codes: the ranges that the three exchanges number their shares in, and how many shares each range has.

use rand_chacha::ChaCha8Rng;

use super::lots::{below, shares};
use crate::base::Board;

/// The codes that begin with three digits.
struct CodeRange {
    prefix: u16,
    /// Shares listed in it.
    listed: u32,
    board: Board,
}

const fn code_range(prefix: u16, listed: u32, board: Board) -> CodeRange {
    CodeRange { prefix, listed, board }
}

/// Counted on the exchanges' lists of shares in 2026.
const RANGES: [CodeRange; 14] = [
    code_range(0, 416, Board::Main),
    code_range(1, 105, Board::Main),
    code_range(2, 922, Board::Main),
    code_range(3, 42, Board::Main),
    code_range(300, 941, Board::ChiNext),
    code_range(301, 444, Board::ChiNext),
    code_range(302, 1, Board::ChiNext),
    code_range(600, 755, Board::Main),
    code_range(601, 223, Board::Main),
    code_range(603, 603, Board::Main),
    code_range(605, 113, Board::Main),
    code_range(688, 588, Board::Star),
    code_range(689, 1, Board::Star),
    code_range(920, 275, Board::Beijing),
];

/// Shares in all ranges together.
pub(super) const LISTED: u16 = {
    let (mut sum, mut place) = (0, 0);
    while place < RANGES.len() {
        sum += RANGES[place].listed;
        place += 1;
    }
    sum as u16
};

/// The last three digits run from 001 to 999.
const NUMBERS: u32 = 999;

/// So many codes with their boards, ascending: each range has its share, at numbers drawn without replacement.
pub(super) fn draw(count: u16, stream: &mut ChaCha8Rng) -> Vec<(String, Board)> {
    let mut codes = Vec::with_capacity(usize::from(count));
    for (range, share) in RANGES.iter().zip(shares(&RANGES.each_ref().map(|range| range.listed), u32::from(count))) {
        // D. E. Knuth, "The Art of Computer Programming", volume 2, algorithm 3.4.2 S: each number in turn is taken with the
        // probability that makes every subset equally likely.
        let mut wanted = share;
        for number in 1..=NUMBERS {
            if below(stream, NUMBERS - number + 1) < wanted {
                codes.push((format!("{:03}{number:03}", range.prefix), range.board));
                wanted -= 1;
            }
        }
    }
    codes
}
