//! The functions that expressions know.

/// A function; the value in front of the dot is its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
    LowerAscii,
    Int,
    Uint,
    Double,
    String,
    Bool,
    Bytes,
    Type,
    Timestamp,
    Duration,
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
}

impl Function {
    /// Name, whether it stands behind a dot, least and most arguments with that value.
    pub(super) const ALL: [(&'static str, bool, usize, usize, Self); 24] = [
        ("size", false, 1, 1, Self::Size),
        ("size", true, 1, 1, Self::Size),
        ("startsWith", true, 2, 2, Self::StartsWith),
        ("endsWith", true, 2, 2, Self::EndsWith),
        ("contains", true, 2, 2, Self::Contains),
        ("lowerAscii", true, 1, 1, Self::LowerAscii),
        ("int", false, 1, 1, Self::Int),
        ("uint", false, 1, 1, Self::Uint),
        ("double", false, 1, 1, Self::Double),
        ("string", false, 1, 1, Self::String),
        ("bool", false, 1, 1, Self::Bool),
        ("bytes", false, 1, 1, Self::Bytes),
        ("type", false, 1, 1, Self::Type),
        ("timestamp", false, 1, 1, Self::Timestamp),
        ("duration", false, 1, 1, Self::Duration),
        ("getFullYear", true, 1, 2, Self::FullYear),
        ("getMonth", true, 1, 2, Self::Month),
        ("getDate", true, 1, 2, Self::Date),
        ("getDayOfMonth", true, 1, 2, Self::DayOfMonth),
        ("getDayOfWeek", true, 1, 2, Self::DayOfWeek),
        ("getDayOfYear", true, 1, 2, Self::DayOfYear),
        ("getHours", true, 1, 2, Self::Hours),
        ("getMinutes", true, 1, 2, Self::Minutes),
        ("getSeconds", true, 1, 2, Self::Seconds),
    ];
}
