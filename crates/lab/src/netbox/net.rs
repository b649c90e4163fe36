//! Addresses as numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address with the length of its mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Net {
    pub(super) six: bool,
    pub(super) address: u128,
    pub(super) length: u8,
}

impl Net {
    /// Reads `address/length`; without a length it is a host's.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let (six, address) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(four) => (false, u128::from(four.to_bits())),
            IpAddr::V6(address) => (true, address.to_bits()),
        };
        let most = if six { 128 } else { 32 };
        let length = length.unwrap_or(most);
        (length <= most).then_some(Self {
            six,
            address,
            length,
        })
    }

    pub(super) fn bits(self) -> u8 {
        if self.six { 128 } else { 32 }
    }

    pub(super) fn family(self) -> u8 {
        if self.six { 6 } else { 4 }
    }

    fn hosts(self) -> u128 {
        match self.bits() - self.length {
            128 => u128::MAX,
            bits => (1_u128 << bits) - 1,
        }
    }

    pub(super) fn first(self) -> u128 {
        self.address & !self.hosts()
    }

    pub(super) fn last(self) -> u128 {
        self.first() | self.hosts()
    }

    pub(super) fn network(self) -> Self {
        Self {
            address: self.first(),
            ..self
        }
    }

    /// Whether the other's network lies in this one's.
    pub(super) fn contains(self, other: Self) -> bool {
        self.six == other.six
            && self.length <= other.length
            && (self.first()..=self.last()).contains(&other.address)
    }

    pub(super) fn at(self, address: u128) -> Self {
        Self { address, ..self }
    }

    /// Without the mask.
    pub(super) fn host(self) -> String {
        if self.six {
            Ipv6Addr::from_bits(self.address).to_string()
        } else {
            let four = u32::try_from(self.address).unwrap_or(u32::MAX);
            Ipv4Addr::from_bits(four).to_string()
        }
    }

    /// The blocks of this network that the others leave, each as large as can be, in order.
    pub(super) fn free(self, taken: &[Self]) -> Vec<Self> {
        if taken.iter().any(|other| other.contains(self)) {
            return Vec::new();
        }
        if self.length == self.bits() || !taken.iter().any(|other| self.contains(*other)) {
            return vec![self.network()];
        }
        let length = self.length + 1;
        let half = |address| Self {
            address,
            length,
            ..self
        };
        let low = half(self.first());
        let high = half(low.last().wrapping_add(1));
        [low, high]
            .into_iter()
            .flat_map(|half| half.free(taken))
            .collect()
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.host(), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_blocks_are_as_large_as_they_can_be() {
        let net = Net::read("10.0.0.0/24").unwrap();
        let taken = [
            Net::read("10.0.0.64/26").unwrap(),
            Net::read("10.0.0.0/28").unwrap(),
        ];

        let free: Vec<String> = net.free(&taken).iter().map(Net::to_string).collect();

        assert_eq!(free, ["10.0.0.16/28", "10.0.0.32/27", "10.0.0.128/25"]);
    }

    #[test]
    fn the_whole_of_either_family_can_be_told() {
        for text in ["0.0.0.0/0", "::/0", "2001:db8::1/128", "192.0.2.1/32"] {
            let net = Net::read(text).unwrap();
            assert_eq!(net.to_string(), text);
            assert!(net.first() <= net.last());
        }
        assert_eq!(Net::read("10.0.0.0/33"), None);
    }
}
