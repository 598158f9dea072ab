//! Reading sums: of the rows of usage, and of those rows of minutes that wait to become some.

use std::collections::{BTreeSet, HashMap};

use domain::key::Environment;
use domain::traffic::{CacheSums, Sums};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use super::kind::{By, Kind};
use super::span::Segment;
use crate::row::unsigned;
use crate::store::traffic::raw::environment_code;
use crate::store::traffic::scope::{Resolution, Scope, Whose};
use crate::store::traffic::sums;

/// Times at which lines are looked up one by one.
const MOST_STARTS: i64 = 256;

/// What a rollup's rows tell of errors by their class.
const ERRORS: [&str; 2] = [
    "CASE WHEN class = 4 THEN count ELSE 0 END",
    "CASE WHEN class >= 5 THEN count ELSE 0 END",
];

/// The sums of a rollup's row, in the order of [`sums_of`].
pub(super) const OF_ROLLUP: [&str; 10] = [
    "count",
    ERRORS[0],
    ERRORS[1],
    "bytes_in",
    "bytes_out",
    "cache_hits",
    "cache_stale",
    "cache_misses",
    "cache_passes",
    "latency",
];

/// The same of a row of usage.
const OF_USAGE: [&str; 10] = [
    "count",
    "client_errors",
    "server_errors",
    "bytes_in",
    "bytes_out",
    "cache_hits",
    "cache_stale",
    "cache_misses",
    "cache_passes",
    "latency",
];

/// The line of a list: `member` and `part`.
pub(super) type Line = (Uuid, Uuid);

/// A part of the traffic, in one environment or in both.
pub(super) struct Part {
    whose: Whose,
    ids: Vec<Uuid>,
    environment: Option<Environment>,
    scope: Scope,
}

impl Part {
    pub(super) fn new(whose: &Whose, environment: Option<Environment>) -> Self {
        Self {
            whose: whose.clone(),
            ids: whose.ids(),
            environment,
            scope: whose.scope(environment),
        }
    }

    /// Rows that together are all of the part: when, and then the sums.
    pub(super) async fn whole<C: ConnectionTrait>(
        &self,
        db: &C,
        segments: &[Segment],
    ) -> Result<Vec<QueryResult>, DbErr> {
        let mut found = Vec::new();
        let kind = Kind::whole(&self.whose);
        for segment in segments {
            let mut rows = self.rows(kind, *segment);
            rows.and_where(within(*segment))
                .column("at")
                .columns(OF_USAGE);
            found.extend(db.query_all(&rows).await?);
        }
        if let Some(mut waiting) = self.waiting(segments) {
            waiting.column("at").exprs(OF_ROLLUP.map(Expr::cust));
            found.extend(db.query_all(&waiting).await?);
        }
        Ok(found)
    }

    /// How many requests each line has.
    pub(super) async fn counts<C: ConnectionTrait>(
        &self,
        db: &C,
        by: By,
        segments: &[Segment],
    ) -> Result<HashMap<Line, u64>, DbErr> {
        let kind = Kind::list(&self.whose, by);
        let mut queries = Vec::new();
        for segment in segments {
            let mut rows = self.rows(kind, *segment);
            rows.and_where(within(*segment));
            queries.push(counted(rows, ["member", "part"]));
        }
        let waiting = self.waiting(segments);
        queries.extend(waiting.map(|rows| counted(rows, by.columns())));
        let mut found: HashMap<Line, u64> = HashMap::new();
        for query in queries {
            for row in db.query_all(&query).await? {
                let sum = found.entry(line(&row)?).or_default();
                let more: i64 = row.try_get_by_index(2)?;
                *sum = sum.saturating_add(unsigned(more));
            }
        }
        Ok(found)
    }

    /// All sums of these lines.
    pub(super) async fn lines<C: ConnectionTrait>(
        &self,
        db: &C,
        by: By,
        segments: &[Segment],
        lines: &[Line],
    ) -> Result<HashMap<Line, Sums>, DbErr> {
        let mut found: HashMap<Line, Sums> = HashMap::new();
        found.extend(lines.iter().map(|line| (*line, Sums::default())));
        let members: BTreeSet<Uuid> = lines.iter().map(|(member, _)| *member).collect();
        let parts: BTreeSet<Uuid> = lines.iter().map(|(_, part)| *part).collect();
        let of_lines = |mut query: SelectStatement, [member, part]: [&'static str; 2]| {
            query
                .columns([member, part])
                .and_where(Expr::col(member).is_in(members.iter().copied()))
                .and_where(Expr::col(part).is_in(parts.iter().copied()));
            query
        };
        let kind = Kind::list(&self.whose, by);
        let mut queries = Vec::new();
        for segment in segments {
            let mut rows = of_lines(self.rows(kind, *segment), ["member", "part"]);
            // Of a single one's many lines these few are looked up, at each time; among those of
            // several that would take longer than to pass over the others.
            let starts = segment.starts(MOST_STARTS);
            let times = match starts.filter(|_| self.ids.len() == 1) {
                Some(starts) => Expr::col("at").is_in(starts),
                None => within(*segment),
            };
            rows.and_where(times).columns(OF_USAGE);
            queries.push(rows);
        }
        if let Some(waiting) = self.waiting(segments) {
            let mut rows = of_lines(waiting, by.columns());
            rows.exprs(OF_ROLLUP.map(Expr::cust));
            queries.push(rows);
        }
        for query in queries {
            for row in db.query_all(&query).await? {
                // A member of one line and a part of another is none of them.
                if let Some(sum) = found.get_mut(&line(&row)?) {
                    add(sum, &row, 2)?;
                }
            }
        }
        Ok(found)
    }

    /// Rows of a kind, of all times.
    fn rows(&self, kind: Kind, segment: Segment) -> SelectStatement {
        let mut query = Query::select();
        query
            .from(segment.span.table())
            .and_where(Expr::col("scope").is_in(self.ids.iter().copied()))
            .and_where(Expr::col("kind").eq(kind.code()));
        if let Some(environment) = self.environment {
            query.and_where(Expr::col("environment").eq(environment_code(environment)));
        }
        query
    }

    /// The rows of minutes that are in no row of usage yet, from the first segment to the last.
    fn waiting(&self, segments: &[Segment]) -> Option<SelectStatement> {
        let (first, last) = (segments.first()?, segments.last()?);
        let mut query = Query::select();
        query
            .from(Resolution::Minute.table())
            .cond_where(self.scope.condition())
            .and_where(Expr::col("at").gte(first.from))
            .and_where(Expr::col("at").lt(last.to));
        Some(query)
    }
}

fn within(segment: Segment) -> Expr {
    let begun = Expr::col("at").gte(segment.from);
    begun.and(Expr::col("at").lt(segment.to))
}

/// Both columns of a line, and the sum of its counts, which PostgreSQL would otherwise give as a
/// decimal number.
fn counted(mut rows: SelectStatement, line: [&'static str; 2]) -> SelectStatement {
    rows.columns(line)
        .expr(Expr::col("count").sum().cast_as(Alias::new("bigint")))
        .group_by_columns(line);
    rows
}

fn line(row: &QueryResult) -> Result<Line, DbErr> {
    Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))
}

/// Adds the sums of a row, which stand from the column `first` on.
pub(super) fn add(sum: &mut Sums, row: &QueryResult, first: usize) -> Result<(), DbErr> {
    let [
        count,
        client_errors,
        server_errors,
        bytes_in,
        bytes_out,
        hits,
        stale,
        misses,
        passes,
    ] = numbers(row, first)?;
    let cache = CacheSums {
        hits,
        stale,
        misses,
        passes,
    };
    sum.merge(&Sums {
        count,
        client_errors,
        server_errors,
        bytes_in,
        bytes_out,
        cache,
        ..Sums::default()
    });
    let latency: Vec<u8> = row.try_get_by_index(first + 9)?;
    sums::merge(&mut sum.latency, &latency);
    Ok(())
}

fn numbers(row: &QueryResult, first: usize) -> Result<[u64; 9], DbErr> {
    let mut numbers = [0; 9];
    for (number, place) in numbers.iter_mut().zip(first..) {
        *number = unsigned(row.try_get_by_index(place)?);
    }
    Ok(numbers)
}
