//! The channels that a WebSocket client subscribes to, of symbols by name and of all.

use std::collections::BTreeMap;

use klined_market::base::Symbol;

/// A dialect's channel: its place in a set, below 8.
pub trait ChannelPlace: Copy {
    fn place(self) -> u8;
}

/// Some channels of a dialect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelSet(u8);

impl ChannelSet {
    #[must_use]
    pub fn has(self, channel: impl ChannelPlace) -> bool {
        self.0 & 1 << channel.place() != 0
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl<C: ChannelPlace> From<C> for ChannelSet {
    fn from(channel: C) -> Self {
        Self(1 << channel.place())
    }
}

impl<C: ChannelPlace> FromIterator<C> for ChannelSet {
    fn from_iter<I: IntoIterator<Item = C>>(channels: I) -> Self {
        channels.into_iter().fold(Self::default(), |set, channel| set.with(channel.into()))
    }
}

/// Everything that a client subscribes to.
#[derive(Debug, Default)]
pub struct Channels {
    /// The channels of each symbol that is subscribed to by name.
    pub named: BTreeMap<Symbol, ChannelSet>,
    /// The channels on which every symbol is subscribed to.
    pub all: ChannelSet,
}

impl Channels {
    /// The channels of a symbol.
    #[must_use]
    pub fn of(&self, symbol: &Symbol) -> ChannelSet {
        self.named.get(symbol).map_or(self.all, |named| named.with(self.all))
    }

    /// Whether any symbol is subscribed to on a channel.
    #[must_use]
    pub fn any_on(&self, channel: impl ChannelPlace) -> bool {
        self.all.has(channel) || self.named.values().any(|set| set.has(channel))
    }

    /// How many symbols are named when these are named too.
    #[must_use]
    pub fn named_with<'s>(&self, symbols: impl IntoIterator<Item = &'s Symbol>) -> usize {
        self.named.len() + symbols.into_iter().filter(|symbol| !self.named.contains_key(symbol)).count()
    }

    /// Subscribes to channels of a symbol, or of all where none is named.
    pub fn add(&mut self, symbol: Option<Symbol>, channels: ChannelSet) {
        let set = match symbol {
            Some(symbol) => self.named.entry(symbol).or_default(),
            None => &mut self.all,
        };
        *set = set.with(channels);
    }

    /// Ends the subscription to channels of a symbol, or of all where none is named. Returns whether that was the symbol's last one.
    pub fn remove(&mut self, symbol: Option<&Symbol>, channels: ChannelSet) -> bool {
        let Some(symbol) = symbol else {
            self.all = self.all.without(channels);
            return false;
        };
        let Some(set) = self.named.get_mut(symbol) else { return false };
        *set = set.without(channels);
        set.is_empty() && self.named.remove(symbol).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl ChannelPlace for u8 {
        fn place(self) -> u8 {
            self
        }
    }

    #[test]
    fn a_symbol_has_its_own_channels_and_those_of_all() {
        let (mut channels, symbol): (_, Symbol) = (Channels::default(), "AAPL".parse().unwrap());
        channels.add(Some(symbol), [1, 7].into_iter().collect());
        channels.add(None, 2.into());
        assert_eq!((0..8).filter(|channel| channels.of(&symbol).has(*channel)).collect::<Vec<_>>(), [1, 2, 7]);
        assert!(channels.of(&"V".parse().unwrap()).has(2) && channels.any_on(7) && !channels.any_on(3));
        assert_eq!(channels.named_with(&[symbol, "V".parse().unwrap()]), 2);
        assert!(!channels.remove(Some(&symbol), 1.into()) && !channels.remove(None, 2.into()));
        assert!(channels.remove(Some(&symbol), 7.into()) && !channels.remove(Some(&symbol), 7.into()));
        assert!(channels.named.is_empty() && channels.all.is_empty());
    }
}
