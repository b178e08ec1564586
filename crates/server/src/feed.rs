//! The event log as a stream: what is saved from a number on, then what comes. Each reader has a
//! place of its own; a slow one loses nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use cw_core::domain::event::Event;
use cw_core::domain::hierarchy::{Initiative, Project};
use cw_wire::event::EventQuery;
use http_body_util::BodyExt as _;
use http_body_util::channel::Channel;
use hyper::body::{Body, Frame};

use crate::app::{App, Fault};
use crate::views;

/// Events read from the log in one go.
const PAGE: usize = 500;

/// What a reader wants to see.
#[derive(Clone, Default)]
struct Filter {
    project: Option<String>,
    initiative: Option<String>,
}

impl Filter {
    fn takes(&self, event: &Event) -> bool {
        self.project
            .as_ref()
            .is_none_or(|name| event.project.as_ref() == Some(name))
            && self
                .initiative
                .as_ref()
                .is_none_or(|id| event.initiative.as_ref() == Some(id))
    }
}

/// A stream of events as a response body.
pub struct Feed(Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>);

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.as_mut().poll_frame(cx)
    }
}

/// Opens a stream for a query.
///
/// # Errors
/// When the query names a project or an initiative that is not there.
pub async fn open(app: Arc<App>, query: EventQuery) -> Result<Feed, Fault> {
    let mut filter = Filter {
        project: None,
        initiative: None,
    };
    if query.dir.is_some() {
        let id = app.project(query.dir.clone()).await?;
        filter.project = app
            .read(move |state| Ok(state.get::<Project>(id).map(|p| p.name.clone())))
            .await?;
    }
    if let Some(word) = query.initiative {
        let id = app.initiative(query.dir, word).await?;
        filter.initiative = app
            .read(move |state| Ok(state.get::<Initiative>(id).map(|row| row.slug.clone())))
            .await?;
    }
    let (mut send, body) = Channel::<Bytes, Infallible>::new(8);
    tokio::spawn(async move {
        let mut saved = app.engine.saved();
        let mut ending = app.ending.subscribe();
        let mut at = query.after;
        loop {
            saved.mark_unchanged();
            let Ok(page) = app.events_after(at, PAGE).await else {
                return;
            };
            let full = page.len() == PAGE;
            let mut text = String::new();
            for event in page {
                at = event.seq;
                if filter.takes(&event) {
                    let line = serde_json::to_string(&views::event(&event)).unwrap_or_default();
                    text.push_str("data: ");
                    text.push_str(&line);
                    text.push_str("\n\n");
                }
            }
            if !text.is_empty() && send.send_data(Bytes::from(text)).await.is_err() {
                return;
            }
            if full {
                continue;
            }
            if query.follow == 0 {
                return;
            }
            tokio::select! {
                changed = saved.changed() => if changed.is_err() { return },
                _ = ending.changed() => return,
                () = tokio::time::sleep(std::time::Duration::from_secs(15)) => {
                    // A comment now and then tells whether the reader is still there.
                    if send.send_data(Bytes::from_static(b":\n\n")).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    Ok(Feed(Box::pin(body.map_err(|never| match never {}))))
}
