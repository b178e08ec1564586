//! The way in: `POST /rpc/<procedure>` and `GET /events`, over the socket. It checks who calls and
//! which protocol they speak, and hands over to the handlers.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use cw_core::domain::ids::AgentId;
use cw_wire::handshake::{
    EVENTS_PATH, MCP_PATH, PROTOCOL, PROTOCOL_HEADER, RPC_PATH, VERSION_HEADER,
};
use cw_wire::procedure::Procedure;
use cw_wire::{ErrorBody, ErrorCode, ErrorView};
use http_body_util::BodyExt as _;

use crate::app::{App, Fault};
use crate::feed;
use crate::mcp::Mcp;
use crate::peer::Peer;

/// The largest request.
const BODY: usize = 16 * 1024 * 1024;

/// How much of what a stranger sends is read, bytes.
const DRAINED: usize = 1024 * 1024;
/// How long.
const DRAIN: Duration = Duration::from_secs(5);

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// The user, or a program on the user's behalf.
    User,
    /// An agent, by its token.
    Agent(AgentId),
}

type Reply = Pin<Box<dyn Future<Output = Result<Vec<u8>, Fault>> + Send>>;
type Handler = Box<dyn Fn(Arc<App>, Caller, Bytes) -> Reply + Send + Sync>;

/// Every procedure that the server answers.
#[derive(Default)]
pub struct Table {
    handlers: HashMap<&'static str, Handler>,
}

impl Table {
    /// Answers `P`, for users only.
    pub fn user<P, F, R>(&mut self, handler: F)
    where
        P: Procedure,
        F: Fn(Arc<App>, P::Input) -> R + Send + Sync + Copy + 'static,
        R: Future<Output = Result<P::Output, Fault>> + Send + 'static,
    {
        let admit = |caller| match caller {
            Caller::User => Ok(()),
            Caller::Agent(_) => Err(
                ErrorView::new(ErrorCode::Refused, "an agent cannot do that").cause(format!(
                    "`{}` is for the user; the token of an agent acts for its own task",
                    P::NAME
                )),
            ),
        };
        self.add::<P, _, _, _>(admit, move |app, (), input| handler(app, input));
    }

    /// Answers `P`, for agents only.
    pub fn agent<P, F, R>(&mut self, handler: F)
    where
        P: Procedure,
        F: Fn(Arc<App>, AgentId, P::Input) -> R + Send + Sync + Copy + 'static,
        R: Future<Output = Result<P::Output, Fault>> + Send + 'static,
    {
        let admit = |caller| match caller {
            Caller::Agent(agent) => Ok(agent),
            Caller::User => Err(ErrorView::new(
                ErrorCode::Usage,
                "this works inside an agent only",
            )
            .cause("CW_TOKEN is not set")),
        };
        self.add::<P, _, _, _>(admit, handler);
    }

    /// Answers `P` for those whom `admit` lets in; what the others send is not even read.
    fn add<P, W, F, R>(&mut self, admit: fn(Caller) -> Result<W, Fault>, handler: F)
    where
        P: Procedure,
        W: Send + 'static,
        F: Fn(Arc<App>, W, P::Input) -> R + Send + Sync + Copy + 'static,
        R: Future<Output = Result<P::Output, Fault>> + Send + 'static,
    {
        let boxed: Handler = Box::new(move |app, caller, body| {
            Box::pin(async move {
                let who = admit(caller)?;
                let input: P::Input = serde_json::from_slice(&body).map_err(|error| {
                    ErrorView::new(
                        ErrorCode::Usage,
                        format!("`{}` does not take this", P::NAME),
                    )
                    .cause(error.to_string())
                })?;
                let output = handler(app, who, input).await?;
                serde_json::to_vec(&output)
                    .map_err(|error| crate::faults::internal(error.to_string()))
            })
        });
        self.handlers.insert(P::NAME, boxed);
    }

    /// Whether somebody answers the procedure of this name.
    #[must_use]
    pub fn answers(&self, name: &str) -> bool {
        self.handlers.contains_key(name)
    }
}

/// What the routes share.
pub struct Desk {
    /// What handlers work with.
    pub app: Arc<App>,
    /// The handlers.
    pub table: Table,
    /// The tools of agents.
    pub mcp: Mcp,
}

/// The routes of a server.
pub fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route(&format!("{RPC_PATH}{{procedure}}"), post(call))
        .route(EVENTS_PATH, get(events))
        .route(MCP_PATH, any(mcp))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(desk)
}

async fn call(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let result = async {
        check_protocol(&desk.app, &headers)?;
        let caller = caller(&desk.app, &headers, &extensions).await?;
        let handler = desk.table.handlers.get(name.as_str()).ok_or_else(|| {
            ErrorView::new(ErrorCode::NotFound, format!("this server has no `{name}`"))
                .hint("`cw server restart` starts the version that you call with")
        })?;
        handler(desk.app.clone(), caller, body).await
    };
    match result.await {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => failure(error),
    }
}

async fn events(
    State(desk): State<Arc<Desk>>,
    Query(query): Query<cw_wire::event::EventQuery>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Response {
    let result = async {
        check_protocol(&desk.app, &headers)?;
        if let Caller::Agent(_) = caller(&desk.app, &headers, &extensions).await? {
            return Err(ErrorView::new(
                ErrorCode::Refused,
                "an agent cannot read the event log",
            ));
        }
        feed::open(desk.app.clone(), query).await
    };
    match result.await {
        Ok(stream) => (
            [(header::CONTENT_TYPE, "text/event-stream")],
            Body::new(stream),
        )
            .into_response(),
        Err(error) => failure(error),
    }
}

/// The tools, for whoever shows the token of an agent.
async fn mcp(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let admitted = match caller(&desk.app, &parts.headers, &parts.extensions).await {
        Ok(Caller::Agent(agent)) => Ok(agent),
        Ok(Caller::User) => Err(
            ErrorView::new(ErrorCode::Refused, "these tools are for agents")
                .cause("no token of an agent came along")
                .hint("send `Authorization: Bearer $CW_TOKEN`"),
        ),
        Err(fault) => Err(fault),
    };
    match admitted {
        Ok(agent) => {
            parts.extensions.insert(agent);
            let request = Request::from_parts(parts, body);
            desk.mcp.answer(request).await.map(Body::new)
        }
        Err(fault) => {
            let _ = tokio::time::timeout(DRAIN, drain(body)).await;
            failure(fault)
        }
    }
}

/// Reads what a stranger sends, so that the caller hears why instead of a broken connection; nothing
/// of it is kept, and not all of it is waited for.
async fn drain(mut body: Body) {
    let mut left = DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn failure(error: ErrorView) -> Response {
    if error.code == ErrorCode::Internal {
        tracing::error!(
            message = error.message,
            cause = error.cause,
            "a request failed"
        );
    }
    let status =
        StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&ErrorBody { error }).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A client and a server that speak different protocols say so instead of misunderstanding.
fn check_protocol(app: &App, headers: &HeaderMap) -> Result<(), Fault> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(theirs) = text(PROTOCOL_HEADER).and_then(|value| value.parse::<u32>().ok()) else {
        return Ok(());
    };
    if theirs == PROTOCOL {
        return Ok(());
    }
    let client = text(VERSION_HEADER).unwrap_or("of another version");
    Err(ErrorView::new(
        ErrorCode::Version,
        "this cw and its server speak different protocols",
    )
    .cause(format!(
        "the client is {client} (protocol {theirs}), the server {} (protocol {PROTOCOL})",
        app.about.version
    ))
    .hint("`cw server restart`; agents at work go on"))
}

async fn caller(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Result<Caller, Fault> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        // A connection over TCP has no process to look at.
        if let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<Peer>>() {
            peer.check().await?;
        }
        return Ok(Caller::User);
    };
    let refused = || {
        ErrorView::new(ErrorCode::Refused, "the token is not known")
            .cause("CW_TOKEN belongs to an agent that this server does not have")
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "))
        .ok_or_else(refused)?
        .to_owned();
    let found = app
        .read(move |state| Ok(state.index().agent_by_token(&token)))
        .await?;
    found.map(Caller::Agent).ok_or_else(refused)
}
