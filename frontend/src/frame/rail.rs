//! The rail of a workspace or of the platform: which sections there are, where they lead and how
//! they are grouped.

use domain::actor::{Action, Actor, Owned, may};
use leptos::prelude::*;

use crate::icon::{Icon, icon};

/// The organization, the team in it, or the platform that a page belongs to, as one person sees it.
#[derive(Clone, Debug)]
pub struct Place {
    ground: Ground,
    sections: Vec<Section>,
}

/// What a place is; names are slug and name.
#[derive(Clone, Debug)]
enum Ground {
    Organization((String, String)),
    Team {
        organization: (String, String),
        team: (String, String),
    },
    Platform,
}

impl Place {
    /// Organization and team are slug and name; without a team it is the organization's own
    /// place. What the rail shows is what `actor` may open: the check is that of the pages.
    #[must_use]
    pub fn new(
        actor: &Actor,
        owned: Owned,
        organization: (String, String),
        team: Option<(String, String)>,
    ) -> Self {
        let sections = if team.is_some() {
            OF_TEAM
        } else {
            OF_ORGANIZATION
        };
        let sections = sections
            .iter()
            .copied()
            .filter(|section| {
                section
                    .needs()
                    .is_none_or(|action| may(actor, action, owned).is_ok())
            })
            .collect();
        let ground = match team {
            Some(team) => Ground::Team { organization, team },
            None => Ground::Organization(organization),
        };
        Self { ground, sections }
    }

    /// What the operator runs: no tenant's place. The pages themselves admit the operator alone.
    #[must_use]
    pub fn platform() -> Self {
        Self {
            ground: Ground::Platform,
            sections: OF_PLATFORM.to_vec(),
        }
    }

    /// `/o/{organization}`, `/o/{organization}/t/{team}` or `/operator`.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.ground {
            Ground::Organization((slug, _)) => format!("/o/{slug}"),
            Ground::Team { organization, team } => format!("/o/{}/t/{}", organization.0, team.0),
            Ground::Platform => "/operator".to_owned(),
        }
    }

    pub(super) fn name(&self) -> String {
        match &self.ground {
            Ground::Organization((_, name)) => name.clone(),
            Ground::Team { organization, .. } => organization.1.clone(),
            Ground::Platform => "Platform".to_owned(),
        }
    }

    pub(super) fn team_name(&self) -> Option<String> {
        match &self.ground {
            Ground::Team { team, .. } => Some(team.1.clone()),
            Ground::Organization(_) | Ground::Platform => None,
        }
    }

    /// The heading above a section: the place itself above its first ones, and above all of the
    /// platform, which is too small for groups.
    fn group(&self, section: Section) -> &'static str {
        match &self.ground {
            Ground::Platform => WORKSPACE,
            Ground::Organization(_) | Ground::Team { .. } => section.group(),
        }
    }
}

/// The group that is headed by the name of the place.
const WORKSPACE: &str = "Workspace";

/// A section of the workspace, in the order of the rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Home,
    Approvals,
    Analytics,
    Log,
    Apis,
    Products,
    Subscribers,
    Upstreams,
    Certificates,
    IpLists,
    Applications,
    Subscriptions,
    Catalog,
    Teams,
    Members,
    Organizations,
    Nodes,
    Outbox,
    Audit,
    Settings,
}

const OF_ORGANIZATION: &[Section] = &[
    Section::Home,
    Section::Approvals,
    Section::Analytics,
    Section::Log,
    Section::Apis,
    Section::Products,
    Section::Subscribers,
    Section::Upstreams,
    Section::Certificates,
    Section::IpLists,
    Section::Catalog,
    Section::Teams,
    Section::Members,
    Section::Audit,
    Section::Settings,
];

const OF_TEAM: &[Section] = &[
    Section::Home,
    Section::Approvals,
    Section::Analytics,
    Section::Log,
    Section::Apis,
    Section::Products,
    Section::Subscribers,
    Section::Upstreams,
    Section::Applications,
    Section::Subscriptions,
    Section::Catalog,
    Section::Members,
    Section::Settings,
];

const OF_PLATFORM: &[Section] = &[
    Section::Home,
    Section::Organizations,
    Section::Nodes,
    Section::Certificates,
    Section::Outbox,
    Section::Settings,
    Section::Audit,
];

impl Section {
    /// What one must be allowed to do to open the section; `None`: anybody who came this far.
    const fn needs(self) -> Option<Action> {
        match self {
            Self::Home | Self::Catalog | Self::Teams | Self::Members => None,
            // The platform's alone, whose pages ask for themselves.
            Self::Organizations | Self::Nodes | Self::Outbox => None,
            Self::Approvals => Some(Action::DecideSubscription),
            Self::Analytics | Self::Log => Some(Action::ReadTraffic),
            Self::Apis => Some(Action::ReadApi),
            Self::Products | Self::Subscribers => Some(Action::ReadProduct),
            Self::Upstreams => Some(Action::ReadUpstream),
            Self::Certificates => Some(Action::ReadCertificate),
            Self::IpLists => Some(Action::ReadOrganization),
            Self::Applications | Self::Subscriptions => Some(Action::ReadApplication),
            Self::Audit => Some(Action::ReadAudit),
            Self::Settings => Some(Action::EditTeam),
        }
    }

    const fn group(self) -> &'static str {
        match self {
            Self::Home | Self::Approvals | Self::Analytics | Self::Log => WORKSPACE,
            Self::Organizations | Self::Nodes | Self::Outbox => WORKSPACE,
            Self::Apis | Self::Products | Self::Subscribers => "Publish",
            Self::Upstreams | Self::Certificates | Self::IpLists => "Publish",
            Self::Applications | Self::Subscriptions | Self::Catalog => "Consume",
            Self::Teams | Self::Members | Self::Audit | Self::Settings => "People",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Approvals => "Approvals",
            Self::Analytics => "Analytics",
            Self::Log => "Request log",
            Self::Apis => "APIs",
            Self::Products => "Products and plans",
            Self::Subscribers => "Subscribers",
            Self::Upstreams => "Upstreams",
            Self::Certificates => "Certificates",
            Self::IpLists => "Lists of networks",
            Self::Applications => "Applications",
            Self::Subscriptions => "Subscriptions",
            Self::Catalog => "Catalog",
            Self::Teams => "Teams",
            Self::Members => "Members",
            Self::Organizations => "Organizations",
            Self::Nodes => "Gateway nodes",
            Self::Outbox => "Mail outbox",
            Self::Audit => "Audit",
            Self::Settings => "Settings",
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::Home => Icon::Home,
            Self::Approvals => Icon::Inbox,
            Self::Analytics => Icon::Chart,
            Self::Log => Icon::List,
            Self::Apis => Icon::Layers,
            Self::Products | Self::Subscriptions => Icon::Tag,
            Self::Subscribers | Self::Members => Icon::Users,
            Self::Upstreams | Self::Nodes => Icon::Node,
            Self::Certificates => Icon::Lock,
            Self::IpLists => Icon::Globe,
            Self::Applications => Icon::Application,
            Self::Catalog => Icon::Book,
            Self::Teams | Self::Organizations => Icon::Building,
            Self::Outbox => Icon::Mail,
            Self::Audit => Icon::Shield,
            Self::Settings => Icon::Gear,
        }
    }

    /// The address of the section at a place.
    #[must_use]
    pub fn address(self, place: &Place) -> String {
        let path = match self {
            Self::Home => return place.address(),
            Self::Catalog => return "/apis".to_owned(),
            Self::Approvals => "approvals",
            Self::Analytics => "analytics",
            Self::Log => "log",
            Self::Apis => "apis",
            Self::Products => "products",
            Self::Subscribers => "subscribers",
            Self::Upstreams => "upstreams",
            Self::Certificates => "certificates",
            Self::IpLists => "ip-lists",
            Self::Applications => "applications",
            Self::Subscriptions => "subscriptions",
            Self::Teams => "teams",
            Self::Members => "members",
            Self::Organizations => "organizations",
            Self::Nodes => "nodes",
            Self::Outbox => "outbox",
            Self::Audit => "audit",
            Self::Settings => "settings",
        };
        format!("{}/{path}", place.address())
    }
}

pub(super) fn rail(place: &Place, open: Option<Section>, waiting: u64) -> AnyView {
    let mut group = "";
    let entries = place
        .sections
        .iter()
        .map(|section| {
            let above = place.group(*section);
            let heading = (above != group).then(|| {
                group = above;
                let words = match group {
                    WORKSPACE => place.team_name().unwrap_or_else(|| place.name()),
                    other => other.to_owned(),
                };
                view! { <h2>{words}</h2> }
            });
            let count = (*section == Section::Approvals && waiting > 0)
                .then(|| view! { <span class="count">{waiting}</span> });
            view! {
                {heading}
                <a href=section.address(place) aria-current=(open == Some(*section)).then_some("page")>
                    {icon(section.icon())}
                    {section.label()}
                    {count}
                </a>
            }
        })
        .collect_view();
    view! { <nav class="rail" aria-label="Workspace">{entries}</nav> }.into_any()
}
