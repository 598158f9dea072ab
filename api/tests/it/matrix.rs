//! Every route of the OpenAPI document × {anonymous, other tenant, wrong role, right role}.
//!
//! A route that is not listed fails the test, and so does a line without its route. A stranger's
//! answer about a real object must be, byte for byte but for the request id, that about a random
//! id.

mod certificates;
mod ip_lists;
mod looking;
mod table;
mod things;

use std::collections::BTreeSet;

use http::Method;
use migration::testing::TestDatabase;
use serde_json::Value;

use crate::support::{Answer, App, Call, Client, World};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Anybody, signed in or not.
    Anyone,
    /// Everybody who is signed in, about their own things.
    Self_,
    /// Everybody who is signed in by a browser; a token, as the fixture's callers have, gets 403.
    Browser,
    /// Members of the tenant; the plain member of the fixture too.
    Member,
    /// Those whose role is above the fixture's plain member, who gets 403.
    Above,
    /// The operator; for everybody else the route does not exist.
    Operator,
}

/// One line of the table.
pub struct Line {
    pub method: &'static str,
    pub path: &'static str,
    pub door: Door,
    /// A body that fits, so that who may not call is not merely told that the body is wrong.
    pub body: Option<Value>,
}

fn routes() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(api::http::openapi()).unwrap();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            if ["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                found.insert((
                    method.to_uppercase(),
                    path.strip_prefix("/api/v1").unwrap().to_owned(),
                ));
            }
        }
    }
    found
}

#[test]
fn every_route_is_listed_and_every_line_is_a_route() {
    let listed: BTreeSet<_> = table::lines()
        .iter()
        .map(|line| (line.method.to_owned(), line.path.to_owned()))
        .collect();
    let routes = routes();
    let missing: Vec<_> = routes.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&routes).collect();
    assert!(
        missing.is_empty(),
        "routes that are not listed in matrix/table.rs: {missing:#?}"
    );
    assert!(gone.is_empty(), "lines without a route: {gone:#?}");
}

#[tokio::test]
async fn who_may_call_what() {
    check(async || Some(TestDatabase::sqlite().await)).await;
}

#[tokio::test]
async fn who_may_call_what_on_postgres() {
    check(TestDatabase::postgres).await;
}

/// A world for each line: some of them delete what the next would need.
async fn check(database: impl AsyncFn() -> Option<TestDatabase>) {
    let mut wrong = Vec::new();
    for line in table::lines() {
        let Some(database) = database().await else {
            return;
        };
        let world = World::new(App::new(database).await).await;
        if let Err(finding) = judge(world, &line).await {
            wrong.push(format!("{} {}: {finding}", line.method, line.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn judge(mut world: World, line: &Line) -> Result<(), String> {
    let real = table::filled(&world, line.path).await;
    let random = table::random(line.path);
    let mut anonymous = world.app.client();
    let nobody = call(&mut anonymous, line, &real).await;
    let expect = |who: &str, answer: &Answer, allowed: &[u16]| {
        let status = answer.status.as_u16();
        if allowed.contains(&status) {
            Ok(())
        } else {
            Err(format!("{who}: {status} {}", answer.text))
        }
    };
    let opened = |who: &str, answer: &Answer| match answer.status.as_u16() {
        401 | 403 | 405 | 415 | 500.. => Err(format!("{who}: {} {}", answer.status, answer.text)),
        404 if real != random => Err(format!("{who}: 404")),
        _ => Ok(()),
    };
    if line.door == Door::Anyone {
        return match nobody.status.as_u16() {
            403 | 405 | 415 | 500.. => Err(format!("anonymous: {} {}", nobody.status, nobody.text)),
            _ => Ok(()),
        };
    }
    expect("anonymous", &nobody, &[401])?;
    match line.door {
        Door::Anyone => Ok(()),
        Door::Self_ => opened(
            "signed in",
            &call(&mut world.owner.client, line, &real).await,
        ),
        Door::Browser => expect(
            "token",
            &call(&mut world.owner.client, line, &real).await,
            &[403],
        ),
        Door::Operator => {
            expect(
                "owner of a tenant",
                &call(&mut world.owner.client, line, &real).await,
                &[404],
            )?;
            opened(
                "operator",
                &call(&mut world.operator.client, line, &real).await,
            )
        }
        Door::Member | Door::Above => {
            for stranger in [&mut world.stranger.client, &mut world.operator.client] {
                let theirs = call(stranger, line, &real).await;
                expect("stranger", &theirs, &[404])?;
                let nothing = call(stranger, line, &random).await;
                if theirs.essence() != nothing.essence() {
                    return Err(format!(
                        "a stranger can tell: {} and {}",
                        theirs.text, nothing.text
                    ));
                }
            }
            let member = call(&mut world.member.client, line, &real).await;
            if line.door == Door::Member {
                opened("member", &member)?;
            } else {
                expect("member", &member, &[403])?;
            }
            opened("owner", &call(&mut world.owner.client, line, &real).await)
        }
    }
}

async fn call(client: &mut Client, line: &Line, path: &str) -> Answer {
    let method: Method = line.method.parse().unwrap();
    let call = Call::new(method, path);
    client
        .send(match &line.body {
            Some(body) => call.json(body.clone()),
            None => call,
        })
        .await
}
