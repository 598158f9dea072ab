//! The request log: pages of lines, newest first, filtered as the page's address says.

use domain::id::RecordId;
use domain::problem::{Code, Invalid};
use domain::traffic::Record;
use domain::wire::traffic::{LogFilter, LogLine};
use domain::wire::{Page, Paging};
use entity::store::traffic::{self as store, Logged, RequestFilter, Scope, Side, Status};

use super::{Subject, title};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;

/// Lines of `subject`'s traffic.
pub async fn log(ctx: &Ctx, subject: Subject, filter: &LogFilter) -> Result<Page<LogLine>> {
    let window = Window::<RecordId>::new(&Paging {
        limit: filter.limit,
        after: filter.after.clone(),
    })?;
    let wanted = wanted(filter)?;
    let scope = subject.scope(ctx).await?;
    // Which variants there are is the provider's own business.
    if let (Some(_), Side::Consumer(_)) = (&filter.variant, scope.side) {
        let message = "Only who offers the API sees its variants.";
        return Err(Error::invalid(vec![Invalid::new("/variant", message)]));
    }
    let Some(scope) = narrowed(scope, filter) else {
        return Ok(Page {
            items: Vec::new(),
            next: None,
        });
    };
    let db = &ctx.plane.databases.traffic;
    let rows = store::requests(db, &scope, &wanted, window.after, window.fetch()).await?;
    let page = window.page(rows, |row| row.id);
    Ok(Page {
        items: lines(ctx, scope.side, &page.items).await?,
        next: page.next,
    })
}

/// `None` when the filter names something outside of the scope: nothing is there.
fn narrowed(mut scope: Scope, filter: &LogFilter) -> Option<Scope> {
    if let Some(version) = filter.version {
        if scope
            .versions
            .as_ref()
            .is_some_and(|held| !held.contains(&version))
        {
            return None;
        }
        scope.versions = Some(vec![version]);
    }
    if let Some(application) = filter.application {
        if scope
            .applications
            .as_ref()
            .is_some_and(|held| !held.contains(&application))
        {
            return None;
        }
        scope.applications = Some(vec![application]);
    }
    scope.operation = filter.operation;
    scope.environment = filter.environment;
    Some(scope)
}

fn wanted(filter: &LogFilter) -> Result<RequestFilter> {
    let mut check = Check::new();
    let status = filter.status.as_deref().map(|text| {
        let parsed = status(text);
        check.that(parsed.is_some(), "/status", || {
            "Use a status like 404, or a class like 4xx.".to_owned()
        });
        parsed
    });
    if let Some(code) = &filter.code {
        check.that(Code::parse(code).is_some(), "/code", || {
            "There is no such code.".to_owned()
        });
    }
    let short =
        |text: &Option<String>, most: usize| text.as_ref().is_none_or(|text| text.len() <= most);
    check.that(short(&filter.path, 160), "/path", || {
        "Use at most 160 characters.".to_owned()
    });
    check.that(short(&filter.request_id, 200), "/request_id", || {
        "Use at most 200 characters.".to_owned()
    });
    let is_trace = |text: &String| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    check.that(
        filter.trace_id.as_ref().is_none_or(is_trace),
        "/trace_id",
        || "Use 32 hexadecimal digits.".to_owned(),
    );
    check.that(short(&filter.variant, 32), "/variant", || {
        "Use at most 32 characters.".to_owned()
    });
    check.that(short(&filter.method, 32), "/method", || {
        "Use at most 32 characters.".to_owned()
    });
    check.done()?;
    Ok(RequestFilter {
        from: filter.from,
        to: filter.to,
        api: filter.api,
        credential: filter.credential,
        status: status.flatten(),
        code: filter.code.clone(),
        method: filter
            .method
            .as_ref()
            .map(|method| method.to_ascii_uppercase()),
        path: filter.path.clone(),
        request_id: filter.request_id.clone(),
        trace_id: filter
            .trace_id
            .as_ref()
            .map(|trace| trace.to_ascii_lowercase()),
        variant: filter.variant.clone(),
        cached: filter.cached,
        min_us: filter.min_ms.map(|millis| millis.saturating_mul(1000)),
    })
}

fn status(text: &str) -> Option<Status> {
    if let Some(class) = text.strip_suffix("xx") {
        return class
            .parse()
            .ok()
            .filter(|class| (1..=5).contains(class))
            .map(Status::Class);
    }
    text.parse()
        .ok()
        .filter(|status| (100..=599).contains(status))
        .map(Status::Exactly)
}

/// The rows with their names.
pub(super) async fn lines(ctx: &Ctx, side: Side, rows: &[Logged]) -> Result<Vec<LogLine>> {
    let versions =
        title::Versions::of(ctx, rows.iter().map(|row| row.record.version.uuid())).await?;
    let named = title::applications(
        ctx,
        side,
        rows.iter().map(|row| row.record.application.uuid()),
    )
    .await?;
    let shown = rows.iter().map(|row| {
        let Record {
            at,
            request_id,
            trace_id,
            method,
            path,
            path_cut,
            status,
            code,
            version,
            application,
            environment,
            total_us,
            cached,
            ..
        } = &row.record;
        LogLine {
            id: row.id,
            at: *at,
            request_id: request_id.clone(),
            trace_id: trace_id.clone(),
            method: method.clone(),
            path: path.clone(),
            path_cut: *path_cut,
            status: *status,
            code: code.clone(),
            api: versions.api(version.uuid()),
            version: versions.slug(version.uuid()),
            application: named.get(application.uuid()),
            environment: *environment,
            total_ms: millis(*total_us),
            cached: *cached,
        }
    });
    Ok(shown.collect())
}

pub(super) fn millis(micros: u32) -> f64 {
    f64::from(micros) / 1000.0
}

/// The single row of a page that must hold one.
pub(super) fn only(mut lines: Vec<LogLine>) -> Result<LogLine> {
    lines.pop().ok_or_else(Error::not_found)
}
