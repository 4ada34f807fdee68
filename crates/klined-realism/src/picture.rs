//! The picture of a scorecard: tails, memory, the day's profiles and a year of candles, as SVG or PNG.
//!
//! The library that draws comes with the cargo feature `picture`, which the default build has. Without it [`PictureFormat::of`]
//! is an error, so that a command line that asks for a picture is refused before any work is done.

use std::path::Path;

use chrono::NaiveDate;
use thiserror::Error;

use super::series::DailyBar;

#[cfg(any(test, feature = "picture"))]
mod curves;
#[cfg(feature = "picture")]
mod drawing;

#[cfg(feature = "picture")]
pub use drawing::Picture;

/// The files that a picture can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// Scalable vector graphics, an XML text.
    Svg,
    /// Portable network graphics, two pixels for one of the SVG.
    Png,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PictureError {
    /// The file's name has another ending.
    #[error("\"{0}\" is neither an .svg nor a .png file")]
    Format(String),
    /// The PNG cannot be encoded.
    #[error("cannot make a PNG: {0}")]
    Png(String),
    /// The program has no library that draws.
    #[error("this program cannot draw: build it with the cargo feature \"picture\", which a default build has")]
    NotBuilt,
}

/// One symbol's days.
#[derive(Debug, Clone, Copy)]
pub struct DailyCandles<'a> {
    /// The name in the panel's title.
    pub symbol: &'a str,
    /// Trading days, ascending.
    pub dates: &'a [NaiveDate],
    /// One bar a date.
    pub days: &'a [DailyBar],
}

impl PictureFormat {
    /// The format that a file's name asks for by its ending.
    ///
    /// # Errors
    /// The ending is neither `.svg` nor `.png`, or the program was built without the feature `picture`.
    pub fn of(path: &Path) -> Result<Self, PictureError> {
        if !cfg!(feature = "picture") {
            return Err(PictureError::NotBuilt);
        }
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(PictureError::Format(path.display().to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_refused_where_it_cannot_be_drawn() {
        let of = |name: &str| PictureFormat::of(Path::new(name));
        let built = |format| if cfg!(feature = "picture") { format } else { Err(PictureError::NotBuilt) };
        assert_eq!(of("card.svg"), built(Ok(PictureFormat::Svg)));
        assert_eq!(of("a/card.PNG"), built(Ok(PictureFormat::Png)));
        assert_eq!(of("card.jpg"), built(Err(PictureError::Format("card.jpg".to_owned()))));
    }
}
