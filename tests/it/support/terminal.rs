//! A terminal with what a user sees on it.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A pseudo-terminal: programs write to one end, and the screen is read at the other.
pub struct Terminal {
    end: File,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// A terminal of so many columns and a good many rows.
    pub fn new(columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let end = OpenOptions::new().read(true).write(true).open(path.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&end, size).unwrap();
        let written = Arc::new(Mutex::new(Vec::new()));
        let kept = written.clone();
        let mut master = File::from(master);
        spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = master.read(&mut buffer) {
                kept.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self { end, written }
    }

    /// The end that a program writes to.
    pub fn end(&self) -> Stdio {
        self.end.try_clone().unwrap().into()
    }

    /// All that was written so far, with the terminal's codes.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// The lines that the screen shows now, without those that are empty at the end.
    pub fn screen(&self) -> Vec<String> {
        screen(&self.raw())
    }
}

/// What is left of a text after its codes have moved the cursor and erased lines. A line never wraps here: the tests ask that none
/// is too long.
fn screen(text: &str) -> Vec<String> {
    let mut rows: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut text = text.chars().peekable();
    while let Some(letter) = text.next() {
        match letter {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                rows.resize(rows.len().max(row + 1), Vec::new());
            }
            '\u{1b}' if text.peek() == Some(&'[') => {
                text.next();
                let mut number = String::new();
                let code = loop {
                    match text.next() {
                        Some(code) if code.is_ascii_alphabetic() => break code,
                        Some(digit) => number.push(digit),
                        None => break 'm',
                    }
                };
                match code {
                    'A' => row = row.saturating_sub(number.parse().unwrap_or(1)),
                    'K' if number == "2" => rows[row].clear(),
                    'K' => rows[row].truncate(column),
                    _ => {}
                }
            }
            letter => {
                let line = &mut rows[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                column += 1;
            }
        }
    }
    let mut lines: Vec<String> = rows.into_iter().map(|row| row.into_iter().collect::<String>()).collect();
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn a_screen_shows_what_is_left() {
    assert_eq!(screen("a\r\n50 %\r\u{1b}[2Kb\r\n"), ["a", "b"]);
    assert_eq!(screen("long\rab"), ["abng"]);
    assert_eq!(screen("one\r\ntwo\r\u{1b}[1A\u{1b}[Kup\u{1b}[0m"), ["up", "two"]);
}
