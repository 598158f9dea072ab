//! The gateway's bounds as settings: sizes, counts and times, each between what makes sense.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::duration::Span;
use gateway::Limits;

use super::value::Reader;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

pub(super) fn read(reader: &mut Reader<'_>) -> Limits {
    let mut size = |name, range| usize::try_from(reader.size(name, range)).unwrap_or(usize::MAX);
    let head_bytes = size("max_head", KIB..=MIB);
    let field_bytes = size("max_field", KIB..=MIB);
    let target_bytes = size("max_target", 256..=MIB);
    let cache = size("cache_size", 0..=1024 * GIB);
    let body_bytes = reader.size("max_body", 0..=1024 * GIB);
    let mut count = |name, range| usize::try_from(reader.count(name, range)).unwrap_or(usize::MAX);
    let fields = count("max_fields", 10..=1000);
    let upstream_kept = count("upstream_kept", 0..=100_000);
    let connections = count("connections", 1..=10_000_000);
    let connections_per_address = count("connections_per_address", 1..=10_000_000);
    let mut small = |name, range| u32::try_from(count(name, range)).unwrap_or(u32::MAX);
    let http2_streams = small("http2_streams", 1..=10_000);
    let http2_resets = small("http2_resets", 1..=1_000_000);
    let requests = count("requests_in_flight", 1..=10_000_000);
    let cells = count("limiter_cells", 1000..=100_000_000);
    let body_window = Limits::default().body_window;
    let body_rate = reader.count("body_rate", 0..=1_000_000_000) * body_window.as_secs();
    Limits {
        head_bytes,
        field_bytes,
        fields,
        target_bytes,
        body_bytes,
        head_read: reader.time("head_timeout"),
        tls_handshake: reader.time("tls_timeout"),
        body_rate,
        body_window,
        http2_streams,
        http2_resets,
        idle: reader.time("idle_timeout"),
        write_stall: reader.time("write_timeout"),
        upstream_idle: reader.time("upstream_keep"),
        upstream_kept,
        connections,
        connections_per_address,
        requests,
        cells,
        cache,
    }
}

impl Reader<'_> {
    /// Bytes, as a number with or without `KiB`, `MiB` or `GiB`.
    fn size(&mut self, name: &str, range: RangeInclusive<u64>) -> u64 {
        let text = self.text(name).unwrap_or_default();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit = match text[digits..].trim_start() {
            "" => Some(1),
            "KiB" => Some(KIB),
            "MiB" => Some(MIB),
            "GiB" => Some(GIB),
            _ => None,
        };
        let number = text[..digits].parse::<u64>().ok();
        let bytes = number
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit));
        self.within(name, bytes, &range, "a size like 32KiB")
    }

    fn count(&mut self, name: &str, range: RangeInclusive<u64>) -> u64 {
        let number = self.text(name).and_then(|text| text.parse().ok());
        self.within(name, number, &range, "a number")
    }

    fn time(&mut self, name: &str) -> Duration {
        let span = self.text(name).and_then(|text| text.parse::<Span>().ok());
        let range = 10..=24 * 3600 * 1000;
        let millis = self.within(
            name,
            span.map(Span::as_millis),
            &range,
            "a duration like 30s, in milliseconds",
        );
        Duration::from_millis(millis)
    }

    fn within(
        &mut self,
        name: &str,
        value: Option<u64>,
        range: &RangeInclusive<u64>,
        wanted: &str,
    ) -> u64 {
        match value.filter(|value| range.contains(value)) {
            Some(value) => value,
            None => {
                self.refuse(
                    name,
                    &format!("{wanted} from {} to {}", range.start(), range.end()),
                );
                *range.start()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layers, Settings};
    use super::*;

    fn limits(flags: &[(&'static str, &str)]) -> Result<Limits, super::super::Problems> {
        let flags: Vec<_> = flags
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Ok(Settings::read(&Layers::load(None, config::Map::new(), &flags))?.limits)
    }

    #[test]
    fn the_table_has_the_gateways_own_defaults() {
        let (read, own) = (limits(&[]).unwrap(), Limits::default());
        assert_eq!(format!("{read:?}"), format!("{own:?}"));
    }

    #[test]
    fn sizes_counts_and_times_are_read_and_bounded() {
        let read = limits(&[
            ("max_body", "1 GiB"),
            ("max_head", "65536"),
            ("idle_timeout", "5m"),
        ])
        .unwrap();
        assert_eq!((read.body_bytes, read.head_bytes), (GIB, 65536));
        assert_eq!(read.idle, Duration::from_secs(300));
        for (name, value) in [
            ("max_head", "0"),
            ("max_head", "32KB"),
            ("max_field", "-1"),
            ("max_fields", "many"),
            ("max_body", "99999999999999999999"),
            ("head_timeout", "1ms"),
            ("idle_timeout", "5"),
            ("connections", "0"),
        ] {
            let problems = limits(&[(name, value)]).unwrap_err();
            assert_eq!(problems.0.len(), 1, "{name} {value}: {problems}");
        }
    }
}
