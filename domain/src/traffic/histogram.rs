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
        self.add(0, bucket_of(value), 1);
    }

    /// Adds to a bucket, which is not before the place `from`. Gives the place that it has.
    fn add(&mut self, from: usize, bucket: u16, count: u64) -> usize {
        let later = self.buckets.get(from..).unwrap_or_default();
        let at = from + later.partition_point(|(index, _)| *index < bucket);
        match self.buckets.get_mut(at) {
            Some((index, sum)) if *index == bucket => *sum = sum.saturating_add(count),
            _ => self.buckets.insert(at, (bucket, count)),
        }
        at
    }

    pub fn merge(&mut self, other: &Self) {
        let mut at = 0;
        for (bucket, count) in &other.buckets {
            at = self.add(at, *bucket, *count);
        }
    }

    /// Merges one in its stored form, without making it first: dashboards read thousands. What
    /// cannot be read adds nothing.
    pub fn merge_bytes(&mut self, bytes: &[u8]) -> Result<(), HistogramError> {
        let stored = Stored::of(bytes)?;
        for bucket in stored.clone() {
            bucket?;
        }
        let mut at = 0;
        for bucket in stored {
            let (bucket, count) = bucket?;
            at = self.add(at, bucket, count);
        }
        Ok(())
    }

    pub fn count(&self) -> u64 {
        let counts = self.buckets.iter().map(|(_, count)| *count);
        counts.fold(0, u64::saturating_add)
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
            seen = u64::saturating_add(seen, *count);
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
        let buckets = Stored::of(bytes)?.collect::<Result<_, _>>()?;
        Ok(Self { buckets })
    }
}

/// The buckets of a histogram's stored form, with their counts.
#[derive(Clone)]
struct Stored<'a> {
    rest: &'a [u8],
    before: Option<u16>,
}

impl<'a> Stored<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, HistogramError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self { rest, before: None }),
            _ => Err(HistogramError),
        }
    }

    fn read(&mut self) -> Result<(u16, u64), HistogramError> {
        let distance = read_leb(&mut self.rest)?;
        let count = read_leb(&mut self.rest)?;
        let index = u64::from(self.before.unwrap_or(0)).checked_add(distance);
        let index = index.and_then(|index| u16::try_from(index).ok());
        let index = index.ok_or(HistogramError)?;
        let ordered = self.before.is_none_or(|before| before < index);
        if index > MAX_BUCKET || count == 0 || !ordered {
            return Err(HistogramError);
        }
        self.before = Some(index);
        Ok((index, count))
    }
}

impl Iterator for Stored<'_> {
    type Item = Result<(u16, u64), HistogramError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.read())
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
            let mut of_bytes = one.clone();
            of_bytes.merge_bytes(&two.to_bytes()).unwrap();
            one.merge(&two);
            prop_assert_eq!(&one, &both);
            prop_assert_eq!(&of_bytes, &both);
            prop_assert_eq!(Histogram::from_bytes(&both.to_bytes()).unwrap(), both);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(histogram) = Histogram::from_bytes(&bytes) {
                prop_assert_eq!(Histogram::from_bytes(&histogram.to_bytes()).unwrap(), histogram);
            }
            let mut some = Histogram::default();
            some.record(7);
            let mut merged = some.clone();
            if merged.merge_bytes(&bytes).is_err() {
                prop_assert_eq!(merged, some, "what cannot be read adds nothing");
            }
        }
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert!(Histogram::default().merge_bytes(&[]).is_err());
        assert!(Histogram::from_bytes(&[]).is_err());
        assert!(Histogram::from_bytes(&[9]).is_err());
    }
}
