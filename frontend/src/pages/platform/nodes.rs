//! Gateway nodes as they last reported.

use domain::wire::platform::Node;
use leptos::prelude::*;

use crate::{
    format,
    frame::Section as Menu,
    icon::Icon,
    pages::publish::At,
    part::{
        head::PageHead,
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Nodes {
    pub at: At,
    pub nodes: Vec<Node>,
}

/// The newest state number that a living node serves.
pub(super) fn newest_state(nodes: &[Node]) -> Option<i64> {
    nodes
        .iter()
        .filter(|node| node.alive)
        .map(|node| node.state)
        .max()
}

#[must_use]
pub fn view(page: Nodes) -> AnyView {
    let rows: Vec<_> = page
        .nodes
        .iter()
        .map(|node| row(node, page.at.now))
        .collect();
    let columns = vec![
        table::wide("Node"),
        table::text("State"),
        table::number("State number"),
        table::text("Version"),
        table::text("Last seen"),
        table::number("CPU"),
        table::number("Memory"),
        table::number("Connections"),
        table::number("Dropped"),
    ];
    let empty = Empty::new(
        Icon::Node,
        "No node has reported yet",
        "A gateway reports here every 5 seconds once it reads this database: portunus gateway with the same database settings, or portunus up.",
    );
    let content = view! {
        {PageHead::new("Gateway nodes")
            .lede("Each node reports every 5 seconds and after each change. The state number is that of the last change of the configuration that it serves. What a node cannot read of it, as a newer release wrote it, is refused there until the node is updated; its log names each. CPU is in cores; dropped are traffic records lost since its start.")}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
    };
    page.at.page(Menu::Nodes, content)
}

fn row(node: &Node, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let state = if node.alive {
        Badge::new(Tone::Ok, Icon::Ok, "Alive").quiet()
    } else {
        Badge::new(Tone::Danger, Icon::No, "Silent")
    };
    let behind = node.newest - node.state;
    let behind = match behind {
        ..=0 => "newest".to_owned(),
        _ => format!(
            "{} behind {}",
            format::count(behind.unsigned_abs()),
            format::count(node.newest.unsigned_abs())
        ),
    };
    let labels: Vec<_> = [
        node.kind.as_str(),
        node.group.as_str(),
        node.region.as_str(),
    ]
    .into_iter()
    .filter(|label| !label.is_empty())
    .collect();
    let dropped = match node.dropped {
        0 => view! { "0" }.into_any(),
        lost => view! { {Badge::new(Tone::Warn, Icon::Warn, format::count(lost.unsigned_abs()))} }
            .into_any(),
    };
    let unread = (node.unreadable > 0).then(|| {
        let count = format::count(node.unreadable.unsigned_abs());
        view! { {Badge::new(Tone::Warn, Icon::Warn, format!("{count} not read"))} }.into_any()
    });
    view! {
        <tr>
            <td>
                <b>{node.name.clone()}</b>
                <span class="sub">{labels.join(", ")} ", started " {format::time(node.started_at, now)}</span>
            </td>
            <td data-label="State">{state} " " {unread}</td>
            <td class="n" data-label="State number">{format::count(node.state.unsigned_abs())} <span class="sub">{behind}</span></td>
            <td data-label="Version"><span class="mono">{node.version.clone()}</span></td>
            <td class="nowrap" data-label="Last seen">{format::time(node.last_seen_at, now)}</td>
            <td class="n" data-label="CPU">{format!("{:.2}", node.cpu)}</td>
            <td class="n" data-label="Memory">{format::size(node.memory.unsigned_abs())}</td>
            <td class="n" data-label="Connections">{format::count(node.connections.unsigned_abs())}</td>
            <td class="n" data-label="Dropped">{dropped}</td>
        </tr>
    }
    .into_any()
}
