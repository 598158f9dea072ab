//! Minutes, hours and days: the tables in which sums stand, and which of them a stretch of time is
//! made of.

use crate::store::traffic::scope::Resolution;

/// The time that a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Minute,
    Hour,
    Day,
}

impl Span {
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Minute => "usage_minute",
            Self::Hour => "usage_hour",
            Self::Day => "usage_day",
        }
    }

    pub(super) const fn micros(self) -> i64 {
        match self {
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }

    /// What it is a part of.
    pub(super) const fn wider(self) -> Option<Self> {
        match self {
            Self::Minute => Some(Self::Hour),
            Self::Hour => Some(Self::Day),
            Self::Day => None,
        }
    }

    /// The start of the span that a time in microseconds lies in.
    pub(super) const fn floor(self, at: i64) -> i64 {
        at.div_euclid(self.micros()) * self.micros()
    }

    /// The first start of a span that is not before a time.
    pub(super) const fn ceil(self, at: i64) -> i64 {
        let floor = self.floor(at);
        if floor < at {
            floor + self.micros()
        } else {
            floor
        }
    }
}

impl From<Resolution> for Span {
    fn from(resolution: Resolution) -> Self {
        match resolution {
            Resolution::Minute => Self::Minute,
            Resolution::Hour => Self::Hour,
        }
    }
}

/// A part of a stretch, in microseconds since 1970, that rows of one table tell. `from` is inside,
/// `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) span: Span,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Segment {
    /// Where its spans begin, if they are no more than `most`.
    pub(super) fn starts(self, most: i64) -> Option<Vec<i64>> {
        let spans = (self.to - self.from).div_euclid(self.span.micros());
        let start = |number| self.from + number * self.span.micros();
        (spans <= most).then(|| (0..spans).map(start).collect())
    }
}

/// The fewest spans that make up a stretch of whole minutes: days in its middle, hours and minutes
/// at its edges.
pub(super) fn segments(from: i64, to: i64) -> Vec<Segment> {
    let mut found = Vec::new();
    cut(from, to, &[Span::Day, Span::Hour, Span::Minute], &mut found);
    found
}

fn cut(from: i64, to: i64, spans: &[Span], out: &mut Vec<Segment>) {
    let Some((&span, finer)) = spans.split_first() else {
        return;
    };
    let (first, last) = (span.ceil(from), span.floor(to));
    if first >= last {
        return cut(from, to, finer, out);
    }
    cut(from, first, finer, out);
    out.push(Segment {
        span,
        from: first,
        to: last,
    });
    cut(last, to, finer, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_the_stretch_and_as_wide_as_they_can_be() {
        use Span::{Day, Hour, Minute};
        const M: i64 = 60_000_000;
        const H: i64 = 60 * M;
        const D: i64 = 24 * H;
        for (from, to, expected) in [
            (0, 0, &[][..]),
            (D, D, &[]),
            (0, M, &[(Minute, 0, M)]),
            (3 * M, H - M, &[(Minute, 3 * M, H - M)]),
            (0, H, &[(Hour, 0, H)]),
            (D, 3 * D, &[(Day, D, 3 * D)]),
            (H - M, D, &[(Minute, H - M, H), (Hour, H, D)]),
            (
                13 * H + 15 * M,
                D + 13 * H + 15 * M,
                &[
                    (Minute, 13 * H + 15 * M, 14 * H),
                    (Hour, 14 * H, D + 13 * H),
                    (Minute, D + 13 * H, D + 13 * H + 15 * M),
                ],
            ),
            (
                18 * H,
                7 * D + 18 * H,
                &[
                    (Hour, 18 * H, D),
                    (Day, D, 7 * D),
                    (Hour, 7 * D, 7 * D + 18 * H),
                ],
            ),
            (
                -D - M,
                M,
                &[(Minute, -D - M, -D), (Day, -D, 0), (Minute, 0, M)],
            ),
        ] {
            let found: Vec<_> = segments(from, to)
                .into_iter()
                .map(|one| (one.span, one.from, one.to))
                .collect();
            assert_eq!(found, expected, "{from} to {to}");
        }
    }

    #[test]
    fn spans_of_a_segment_begin_behind_each_other() {
        let segment = Segment {
            span: Span::Hour,
            from: 0,
            to: 3 * 3_600_000_000,
        };
        let starts = vec![0, 3_600_000_000, 7_200_000_000];
        assert_eq!(segment.starts(3), Some(starts));
        assert_eq!(segment.starts(2), None);
    }
}
