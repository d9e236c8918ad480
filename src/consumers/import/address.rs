//! Which addresses are inside: reachable from this machine though not from the internet, or no single host's at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Why an address is not asked unless somebody allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// This machine.
    Loopback,
    /// A network without numbers of the internet (RFC 1918, RFC 4193).
    Private,
    /// This segment of the network.
    LinkLocal,
    /// A provider's network behind its address translation (RFC 6598).
    Shared,
    /// Where a cloud's machines ask for their credentials.
    Metadata,
    /// Many hosts at once.
    Multicast,
    /// Not given to anybody, or for documentation, tests and translation.
    Reserved,
}

impl Inside {
    /// `None`: an address of the internet. What is in no table is inside, so that nothing is forgotten.
    pub fn judge(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(v4) => Self::judge_v4(v4),
            IpAddr::V6(v6) => Self::judge_v6(v6),
        }
    }

    fn judge_v4(address: Ipv4Addr) -> Option<Self> {
        V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, inside)| *inside)
    }

    fn judge_v6(address: Ipv6Addr) -> Option<Self> {
        if let Some(v4) = embedded(address) {
            // A translator on the way is asked for an address of the internet, or for one inside.
            return Self::judge_v4(v4);
        }
        let known = V6.iter().find(|(net, _)| net.contains(&address)).map(|(_, inside)| *inside);
        known.or((!UNICAST.contains(&address)).then_some(Self::Reserved))
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "this machine itself",
            Self::Private => "a private network",
            Self::LinkLocal => "the local segment of the network",
            Self::Shared => "a provider's inner network",
            Self::Metadata => "a cloud's metadata service",
            Self::Multicast => "a group of hosts",
            Self::Reserved => "a reserved range",
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291 §2.5.5), compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0] if g != 0 => Some(v4(g, h)),
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(v4(g, h)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

const fn v4(octets: [u8; 4], length: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// IANA's registry of special-purpose addresses (RFC 6890), after the metadata services that are documented: those of
/// AWS and most others, of AWS for IPv6, of Alibaba, of Oracle, and Azure's, which is a number of the internet.
const V4: [(Ipv4Net, Inside); 20] = [
    (v4([169, 254, 169, 254], 32), Inside::Metadata),
    (v4([100, 100, 100, 200], 32), Inside::Metadata),
    (v4([192, 0, 0, 192], 32), Inside::Metadata),
    (v4([168, 63, 129, 16], 32), Inside::Metadata),
    (v4([0, 0, 0, 0], 8), Inside::Loopback),
    (v4([127, 0, 0, 0], 8), Inside::Loopback),
    (v4([10, 0, 0, 0], 8), Inside::Private),
    (v4([172, 16, 0, 0], 12), Inside::Private),
    (v4([192, 168, 0, 0], 16), Inside::Private),
    (v4([100, 64, 0, 0], 10), Inside::Shared),
    (v4([169, 254, 0, 0], 16), Inside::LinkLocal),
    (v4([192, 0, 0, 0], 24), Inside::Reserved),
    (v4([192, 0, 2, 0], 24), Inside::Reserved),
    (v4([192, 88, 99, 0], 24), Inside::Reserved),
    (v4([198, 18, 0, 0], 15), Inside::Reserved),
    (v4([198, 51, 100, 0], 24), Inside::Reserved),
    (v4([203, 0, 113, 0], 24), Inside::Reserved),
    (v4([224, 0, 0, 0], 4), Inside::Multicast),
    (v4([255, 255, 255, 255], 32), Inside::Multicast),
    (v4([240, 0, 0, 0], 4), Inside::Reserved),
];

const V6: [(Ipv6Net, Inside); 13] = [
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), Inside::Metadata),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Inside::Metadata),
    // The unspecified address connects to this machine, as 0.0.0.0 does.
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 127), Inside::Loopback),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Inside::Private),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Inside::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Inside::Private),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Inside::Multicast),
    // NAT64 of one's own network (RFC 8215), where the IPv4 address may stand in several places.
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Inside::Private),
    // Teredo (RFC 4380) and ORCHID, documentation, benchmarks; all of them below 2001::/23 and 3fff::/20.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Inside::Reserved),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Inside::Reserved),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Inside::Reserved),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), Inside::Reserved),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), Inside::Reserved),
];

/// All that is given out (RFC 4291 §2.4 and IANA since).
const UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(address: &str) -> Option<Inside> {
        Inside::judge(address.parse().unwrap())
    }

    #[test]
    fn what_is_inside_is_told_in_every_spelling_of_its_address() {
        let cases = [
            ("127.0.0.1", Inside::Loopback),
            ("127.255.255.254", Inside::Loopback),
            ("0.0.0.0", Inside::Loopback),
            ("::", Inside::Loopback),
            ("::1", Inside::Loopback),
            ("::ffff:127.0.0.1", Inside::Loopback),
            ("::127.0.0.1", Inside::Loopback),
            ("::ffff:0:127.0.0.1", Inside::Loopback),
            ("64:ff9b::127.0.0.1", Inside::Loopback),
            ("2002:7f00:1::", Inside::Loopback),
            ("10.255.0.1", Inside::Private),
            ("172.16.0.1", Inside::Private),
            ("172.31.255.255", Inside::Private),
            ("192.168.1.1", Inside::Private),
            ("::ffff:10.0.0.1", Inside::Private),
            ("64:ff9b::a00:1", Inside::Private),
            ("64:ff9b:1::a00:1", Inside::Private),
            ("fc00::1", Inside::Private),
            ("fdff::1", Inside::Private),
            ("fec0::1", Inside::Private),
            ("100.64.0.1", Inside::Shared),
            ("100.127.255.255", Inside::Shared),
            ("169.254.0.1", Inside::LinkLocal),
            ("fe80::1", Inside::LinkLocal),
            ("169.254.169.254", Inside::Metadata),
            ("::ffff:169.254.169.254", Inside::Metadata),
            ("64:ff9b::169.254.169.254", Inside::Metadata),
            ("2002:a9fe:a9fe::1", Inside::Metadata),
            ("fd00:ec2::254", Inside::Metadata),
            ("fd20:ce::254", Inside::Metadata),
            ("100.100.100.200", Inside::Metadata),
            ("192.0.0.192", Inside::Metadata),
            ("168.63.129.16", Inside::Metadata),
            ("224.0.0.1", Inside::Multicast),
            ("255.255.255.255", Inside::Multicast),
            ("ff02::1", Inside::Multicast),
            ("192.0.2.1", Inside::Reserved),
            ("198.19.0.1", Inside::Reserved),
            ("240.0.0.1", Inside::Reserved),
            ("2001:db8::1", Inside::Reserved),
            ("2001:0:7f00:1::", Inside::Reserved),
            ("3fff::1", Inside::Reserved),
            ("4000::1", Inside::Reserved),
            ("1::1", Inside::Reserved),
        ];
        for (address, inside) in cases {
            assert_eq!(judge(address), Some(inside), "{address}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_not_inside() {
        let outside = [
            "1.1.1.1",
            "9.9.9.9",
            "11.0.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.255.255",
            "100.63.255.255",
            "100.128.0.1",
            "169.253.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2620:fe::fe",
            "::ffff:9.9.9.9",
            "64:ff9b::9.9.9.9",
            "2a00:1450::1",
        ];
        for address in outside {
            assert_eq!(judge(address), None, "{address}");
        }
    }
}
