//! The PROXY protocol, versions 1 and 2, as a receiver (HAProxy's proxy-protocol.txt): a balancer
//! that forwards bytes says first whose they are.
//!
//! It is read from trusted proxies only, and they must send it: whoever guesses can be made to
//! guess wrong.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Of version 1, its line end included (§2.1).
const LONGEST_LINE: usize = 107;
/// Of version 2: addresses take 36 bytes behind the fixed 16, the rest is for extensions.
const LONGEST: usize = 4096;

/// What the bytes so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parsed {
    /// A header goes on at least up to this length.
    More(usize),
    /// A whole header. `None`: the proxy speaks for itself, or does not know for whom.
    Whole(Option<IpAddr>),
    Wrong,
}

/// Reads a header and not a byte more.
pub(crate) async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut bytes = Vec::with_capacity(128);
    loop {
        match parse(&bytes) {
            Parsed::Whole(source) => return Ok(source.map(|source| source.to_canonical())),
            Parsed::Wrong => return Err(io::ErrorKind::InvalidData.into()),
            Parsed::More(length) => {
                let from = bytes.len();
                bytes.resize(length, 0);
                stream.read_exact(&mut bytes[from..]).await?;
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Parsed {
    let Some(start) = bytes.get(..SIGNATURE.len()) else {
        return Parsed::More(SIGNATURE.len());
    };
    if start == SIGNATURE {
        return binary(bytes);
    }
    match bytes.strip_prefix(b"PROXY ") {
        Some(rest) => line(bytes, rest),
        None => Parsed::Wrong,
    }
}

/// Version 1. No byte is asked for that could lie behind the line's end.
fn line(bytes: &[u8], rest: &[u8]) -> Parsed {
    let shortest = match rest.get(..5) {
        Some(b"TCP4 ") => "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n".len(),
        Some(b"TCP6 ") => "PROXY TCP6 :: :: 1 1\r\n".len(),
        Some(b"UNKNO") => "PROXY UNKNOWN\r\n".len(),
        Some(_) | None => return Parsed::Wrong,
    };
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        let missing = if bytes.ends_with(b"\r") { 1 } else { 2 };
        let length = shortest.max(bytes.len() + missing);
        return if length > LONGEST_LINE {
            Parsed::Wrong
        } else {
            Parsed::More(length)
        };
    };
    // Nothing was asked for behind the line's end.
    let text = bytes[..end].strip_suffix(b"\r").map(std::str::from_utf8);
    let (Some(Ok(text)), true) = (text, end + 1 == bytes.len()) else {
        return Parsed::Wrong;
    };
    let mut words = text.split(' ').skip(1);
    match words.next() {
        Some("TCP4") => addressed::<Ipv4Addr>(words),
        Some("TCP6") => addressed::<Ipv6Addr>(words),
        Some("UNKNOWN") => Parsed::Whole(None),
        Some(_) | None => Parsed::Wrong,
    }
}

fn addressed<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Parsed
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut address = || words.next()?.parse::<A>().ok();
    let (Some(source), Some(_)) = (address(), address()) else {
        return Parsed::Wrong;
    };
    let ports = [words.next(), words.next()];
    if !ports.into_iter().all(|port| port.is_some_and(is_port)) || words.next().is_some() {
        return Parsed::Wrong;
    }
    Parsed::Whole(Some(source.into()))
}

fn is_port(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain && (text == "0" || !text.starts_with('0')) && text.parse::<u16>().is_ok()
}

/// Version 2.
fn binary(bytes: &[u8]) -> Parsed {
    let Some(&[command, family, high, low]) = bytes.get(12..16) else {
        return Parsed::More(16);
    };
    let whole = 16 + usize::from(u16::from_be_bytes([high, low]));
    if whole > LONGEST || !matches!(command, 0x20 | 0x21) {
        return Parsed::Wrong;
    }
    let Some(block) = bytes.get(16..whole) else {
        return Parsed::More(whole);
    };
    // LOCAL: the proxy's own connection, whatever else it says (§2.2).
    if command == 0x20 {
        return Parsed::Whole(None);
    }
    match family {
        // Not specified.
        0x00 => Parsed::Whole(None),
        // TCP over IPv4: two addresses and two ports.
        0x11 => match block.first_chunk::<12>() {
            Some(&[a, b, c, d, ..]) => Parsed::Whole(Some(Ipv4Addr::new(a, b, c, d).into())),
            None => Parsed::Wrong,
        },
        // TCP over IPv6.
        0x21 => match (block.first_chunk::<16>(), block.len()) {
            (Some(source), 36..) => Parsed::Whole(Some(Ipv6Addr::from(*source).into())),
            _ => Parsed::Wrong,
        },
        // Datagrams and sockets of one machine do not lead here.
        _ => Parsed::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As if the bytes came one by one: what is read, and how many of them.
    fn fed(input: &[u8]) -> Option<(Option<IpAddr>, usize)> {
        let mut taken = 0;
        loop {
            match parse(&input[..taken]) {
                Parsed::Wrong => return None,
                Parsed::Whole(source) => return Some((source, taken)),
                Parsed::More(length) if length > taken && length <= input.len() => taken = length,
                Parsed::More(length) => {
                    assert!(length > taken, "no progress");
                    return None;
                }
            }
        }
    }

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend([command, family]);
        out.extend((block.len() as u16).to_be_bytes());
        out.extend(block);
        out
    }

    #[test]
    fn headers_name_their_source_and_end_where_they_end() {
        let mut six = [0_u8; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        let four = [192, 0, 2, 7, 10, 0, 0, 1, 0, 80, 1, 187];
        let extended = [&four[..], &[4, 0, 1, 9]].concat();
        let unknown = "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n";
        for (header, source) in [
            (
                &b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n"[..],
                Some("192.0.2.7"),
            ),
            (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n", Some("1.1.1.1")),
            (
                b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
                Some("255.255.255.255"),
            ),
            (b"PROXY TCP6 2001:db8::7 :: 0 443\r\n", Some("2001:db8::7")),
            (b"PROXY TCP6 :: :: 1 1\r\n", Some("::")),
            (b"PROXY UNKNOWN\r\n", None),
            (unknown.as_bytes(), None),
            (&v2(0x21, 0x11, &four), Some("192.0.2.7")),
            (&v2(0x21, 0x11, &extended), Some("192.0.2.7")),
            (&v2(0x21, 0x21, &six), Some("2001:db8::7")),
            (&v2(0x20, 0x11, &four), None),
            (&v2(0x20, 0x00, &[]), None),
            (&v2(0x21, 0x00, &[]), None),
        ] {
            let source = source.map(|source| source.parse().unwrap());
            for behind in ["", "GET / HTTP/1.1\r\n\r\n", "\n", "\r\n"] {
                let input = [header, behind.as_bytes()].concat();
                let found = fed(&input);
                assert_eq!(
                    found,
                    Some((source, header.len())),
                    "{:?}",
                    String::from_utf8_lossy(&input)
                );
            }
            for end in 0..header.len() {
                assert_eq!(fed(&header[..end]), None, "cut at {end}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
        let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
        assert_eq!(longest.len(), LONGEST_LINE);
        assert!(fed(longest.as_bytes()).is_some());
        for input in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 99999\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n\n",
            b"PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n",
            b"PROXY TCP4 2001:db8::7 :: 10000 10000\r\n",
            b"PROXY TCP6 192.0.2.7 192.0.2.7 1 1\r\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.7 1 1\r\n",
            b"PROXY UNKNOWNX\r\n\r\n",
            long.as_bytes(),
            &v2(0x22, 0x11, &[0; 12]),
            &v2(0x31, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11]),
            &v2(0x21, 0x21, &[0; 35]),
            &v2(0x21, 0x12, &[0; 12]),
            &v2(0x21, 0x31, &[0; 216]),
            &v2(0x21, 0x11, &[0; 5000]),
        ] {
            assert_eq!(fed(input), None, "{:?}", String::from_utf8_lossy(input));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(start in 0..3_usize, rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let start: &[u8] = [&b""[..], &SIGNATURE, b"PROXY TCP4 "][start];
            fed(&[start, &rest].concat());
        }
    }
}
