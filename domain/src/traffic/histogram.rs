//! A mergeable histogram with logarithmic buckets: any quantile to within 1 %.

/// Growth of the buckets' bounds: a value is known to within γ − 1 over 2.
const GAMMA: f64 = 1.02;

/// First byte of the stored form; another layout gets another number.
const VERSION: u8 = 1;

/// Highest bucket: 1.02^1500 is about 8 · 10^12, in microseconds some 90 days.
const MAX_BUCKET: u16 = 1500;

/// Counts per bucket, sorted by bucket, none of them zero. Bucket 0 holds 0 and 1; bucket `i`
/// the values above γ^(i−1) up to γ^i.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    buckets: Vec<(u16, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored histogram cannot be read")]
pub struct HistogramError;

fn bucket_of(value: u64) -> u16 {
    if value <= 1 {
        return 0;
    }
    let bucket = ((value as f64).ln() / GAMMA.ln()).ceil();
    (bucket as u16).min(MAX_BUCKET)
}

/// The middle of a bucket, geometrically.
fn value_of(bucket: u16) -> f64 {
    if bucket == 0 {
        1.0
    } else {
        GAMMA.powf(f64::from(bucket) - 0.5)
    }
}

impl Histogram {
    pub fn record(&mut self, value: u64) {
        self.add(bucket_of(value), 1);
    }

    fn add(&mut self, bucket: u16, count: u64) {
        match self
            .buckets
            .binary_search_by_key(&bucket, |(index, _)| *index)
        {
            Ok(at) => self.buckets[at].1 += count,
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            self.add(*bucket, *count);
        }
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The value that a share `q` of all values does not exceed; `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return Some(value_of(*bucket));
            }
        }
        None
    }

    /// Version byte, then per bucket its distance from the one before and its count, as LEB128.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let mut before = 0;
        for (bucket, count) in &self.buckets {
            write_leb(&mut out, u64::from(bucket - before));
            write_leb(&mut out, *count);
            before = *bucket;
        }
        out
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HistogramError> {
        let Some((&VERSION, mut rest)) = bytes.split_first() else {
            return Err(HistogramError);
        };
        let mut histogram = Self::default();
        let mut bucket = 0_u64;
        while !rest.is_empty() {
            bucket = bucket
                .checked_add(read_leb(&mut rest)?)
                .ok_or(HistogramError)?;
            let count = read_leb(&mut rest)?;
            let index = u16::try_from(bucket).map_err(|_| HistogramError)?;
            let ordered = histogram
                .buckets
                .last()
                .is_none_or(|(last, _)| *last < index);
            if index > MAX_BUCKET || count == 0 || !ordered {
                return Err(HistogramError);
            }
            histogram.buckets.push((index, count));
        }
        Ok(histogram)
    }
}

fn write_leb(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_leb(bytes: &mut &[u8]) -> Result<u64, HistogramError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(HistogramError)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(HistogramError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent(mut values in proptest::collection::vec(1_u64..10_000_000, 1..300), q in 0.0..1.0_f64) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.record(*value));
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1] as f64;
            let found = histogram.quantile(q).unwrap();
            prop_assert!((found - exact).abs() <= exact * 0.0101 + 0.5, "{found} for {exact}");
        }

        #[test]
        fn merging_is_recording_together(a in proptest::collection::vec(0_u64..1 << 40, 0..50), b in proptest::collection::vec(0_u64..1 << 40, 0..50)) {
            let (mut one, mut two, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
            a.iter().for_each(|v| { one.record(*v); both.record(*v); });
            b.iter().for_each(|v| { two.record(*v); both.record(*v); });
            one.merge(&two);
            prop_assert_eq!(&one, &both);
            prop_assert_eq!(Histogram::from_bytes(&both.to_bytes()).unwrap(), both);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(histogram) = Histogram::from_bytes(&bytes) {
                prop_assert_eq!(Histogram::from_bytes(&histogram.to_bytes()).unwrap(), histogram);
            }
        }
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert!(Histogram::from_bytes(&[]).is_err());
        assert!(Histogram::from_bytes(&[9]).is_err());
    }
}
