//! An answer as plain text, for people at a terminal.

use std::fmt::{self, Display, Write as _};

use super::{Answer, Decision, Explanation, Limit, Place, Step};
use crate::mask::is_of_key;

/// A key as it may be shown: what tells what it is, and nothing of its secret.
pub fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("ptn_") {
        let (before, key) = rest.split_at(at);
        let end = key.find(|c| !is_of_key(c)).unwrap_or(key.len());
        out.push_str(before);
        out.push_str("ptn_…");
        rest = &key[end..];
    }
    out.push_str(rest);
    out
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(past) = &self.past {
            let line = &past.line;
            row(f, "was", &format!("{} {}", line.method, line.path))?;
            row(f, "at", &line.at.to_rfc3339())?;
            let code = if line.code.is_empty() {
                "answered by the upstream".to_owned()
            } else {
                line.code.clone()
            };
            row(f, "status", &format!("{} {code}", line.status))?;
            if !past.decided_by.is_empty() {
                row(f, "by", &past.decided_by)?;
            }
            if let Some(inside) = &past.inside {
                row(f, "state", &format!("{} on {}", inside.state, inside.node))?;
                if !inside.target.is_empty() {
                    row(f, "target", &inside.target)?;
                }
                if !inside.variant.is_empty() {
                    row(f, "variant", &inside.variant)?;
                }
            }
            writeln!(f)?;
            if self.now.is_some() {
                writeln!(f, "The same request now:")?;
            }
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        match &self.now {
            Some(now) => now.fmt(f),
            None => Ok(()),
        }
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &self.request;
        row(
            f,
            "request",
            &format!("{} {}", request.method, request.sent),
        )?;
        row(f, "path", request.path.as_deref().unwrap_or("none"))?;
        row(f, "host", request.host.as_deref().unwrap_or("none"))?;
        row(f, "client", &request.client.to_string())?;
        row(f, "state", &self.state.to_string())?;
        match &self.route {
            Some(place) => {
                row(f, "route", &place.to_string())?;
                for line in &place.when {
                    row(f, "", &format!("for {line}"))?;
                }
            }
            None => row(f, "route", "none")?,
        }
        for runner in &self.runners_up {
            row(
                f,
                "",
                &format!("not {}: {}", runner.place, runner.lost.as_str()),
            )?;
        }
        if let Some(operation) = &self.operation {
            let own = if operation.own_policies {
                ", with policies of its own"
            } else {
                ""
            };
            row(f, "operation", &format!("{}{own}", operation.name))?;
        }
        if let Some(caller) = &self.caller {
            row(f, "caller", &format!("application {}", caller.application))?;
            if let Some(plan) = &caller.plan {
                row(f, "plan", plan)?;
            }
        }
        steps(f, &self.steps)?;
        if let Some(upstream) = &self.upstream {
            let test = if upstream.test { " (test)" } else { "" };
            row(f, "upstream", &format!("{}{test}", upstream.upstream))?;
            for target in &upstream.targets {
                let of = target.variant.as_ref();
                let of = of.map_or_else(String::new, |name| format!(", variant {name}"));
                row(
                    f,
                    "",
                    &format!("{} weight {}{of}", target.url, target.weight),
                )?;
            }
            if let Some(variant) = &upstream.variant {
                row(f, "variant", variant)?;
            }
        }
        if let Some(headers) = &self.headers {
            for (title, names) in [
                ("cut", &headers.cut),
                ("added", &headers.added),
                ("changed", &headers.changed),
            ] {
                if !names.is_empty() {
                    row(f, title, &names.join(", "))?;
                }
            }
        }
        let verdict = &self.verdict;
        let mut said = match (verdict.forwarded, verdict.status) {
            (true, _) => "forwarded".to_owned(),
            (false, Some(status)) => status.to_string(),
            (false, None) => "refused".to_owned(),
        };
        if let Some(code) = &verdict.code {
            write!(said, " {code}")?;
        }
        if let Some(by) = &verdict.decided_by {
            write!(said, " by {by}")?;
        }
        row(f, "verdict", &said)?;
        row(f, "", &verdict.why)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = if self.hosts.is_empty() {
            "*".to_owned()
        } else {
            self.hosts.join(",")
        };
        write!(
            f,
            "{}/{} at {hosts}{} (revision {})",
            self.api, self.version, self.path, self.revision
        )
    }
}

fn row(f: &mut fmt::Formatter<'_>, title: &str, text: &str) -> fmt::Result {
    writeln!(f, "{title:<10} {text}")
}

/// A table with the width that its cells need.
fn steps(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    let cells: Vec<[String; 5]> = steps.iter().map(cells).collect();
    let width = |column: usize| {
        cells
            .iter()
            .map(|cells| cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    for (index, [policy, stage, from, decision, why]) in cells.iter().enumerate() {
        let title = if index == 0 { "policies" } else { "" };
        let [w0, w1, w2, w3] = widths;
        let line = format!("{policy:<w0$}  {stage:<w1$}  {from:<w2$}  {decision:<w3$}  {why}");
        row(f, title, line.trim_end())?;
    }
    Ok(())
}

fn cells(step: &Step) -> [String; 5] {
    let from = step.from.map_or("", crate::policy::AttachPoint::as_str);
    let mut why = match step.decision {
        Decision::NotReached => String::new(),
        Decision::Passes
        | Decision::Refuses
        | Decision::WouldRefuse
        | Decision::Answers
        | Decision::WouldAnswer => step.why.clone(),
    };
    if let Some(limit) = &step.limit
        && step.decision != Decision::NotReached
    {
        why = format!("{} {why}", left(limit)).trim_end().to_owned();
    }
    [
        step.policy.clone(),
        step.stage.as_str().to_owned(),
        from.to_owned(),
        step.decision.as_str().to_owned(),
        why,
    ]
}

fn left(limit: &Limit) -> String {
    let Limit {
        limit,
        window_s,
        left,
        reset_s: _,
        counted,
    } = limit;
    match left {
        Some(left) => format!(
            "{left} of {limit} left in {window_s} s {}.",
            counted.as_str()
        ),
        None => format!("{limit} in {window_s} s, {}.", counted.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_masked_wherever_it_stands() {
        for (text, shown) in [
            ("/x", "/x"),
            ("/x?key=ptn_live_abc&b=1", "/x?key=ptn_…&b=1"),
            ("Bearer ptn_test_1 ptn_pat_2", "Bearer ptn_… ptn_…"),
            ("Bearer ptn_at_a-b.c~d.e+/f== x", "Bearer ptn_… x"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
