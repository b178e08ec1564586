//! The Model Context Protocol over HTTP, for agents: `cw mcp` passes its standard input on to here,
//! and programs that speak it over HTTP come by themselves. Who calls was settled before.

mod tools;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::request::Parts;
use cw_core::domain::ids::AgentId;
use cw_wire::handshake::{ACKS_HEADER, HANDED_FIELD, KEY_HEADER, WAIT_HEADER};
use http_body_util::combinators::BoxBody;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, MetaObject, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tools::How;

use crate::app::App;

/// How long a question may block where the caller does not say: less than the minute that many
/// programs give a tool.
const WAIT: Duration = Duration::from_secs(50);
/// The longest that a question may block.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The tools over HTTP.
pub struct Mcp(StreamableHttpService<Door, NeverSessionManager>);

/// The side that speaks the protocol.
#[derive(Clone)]
struct Door(Arc<App>);

impl Mcp {
    /// The tools of the server that `app` belongs to; `host` is the name that its TCP listener
    /// goes by.
    #[must_use]
    pub fn new(app: &Arc<App>, host: Option<&str>) -> Self {
        let own = host.map(|host| host.trim_matches(['[', ']']));
        let hosts = ["localhost", "127.0.0.1", "::1"].into_iter().chain(own);
        // No sessions: every call stands for itself, so that a server that was started anew
        // answers the next one.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_allowed_hosts(hosts);
        let door = Door(app.clone());
        let service = move || Ok(door.clone());
        Self(StreamableHttpService::new(
            service,
            Arc::new(NeverSessionManager::default()),
            config,
        ))
    }

    /// Answers a request of the agent that stands in its extensions.
    pub async fn answer(
        &self,
        request: Request,
    ) -> axum::http::Response<BoxBody<Bytes, Infallible>> {
        self.0.handle(request).await
    }
}

/// Who calls, and how.
fn caller(context: &RequestContext<RoleServer>) -> Option<(AgentId, How)> {
    let parts = context.extensions.get::<Parts>()?;
    let text = |name: &str| parts.headers.get(name)?.to_str().ok();
    let seconds = text(WAIT_HEADER).and_then(|seconds| seconds.parse().ok());
    let how = How {
        key: text(KEY_HEADER).map(str::to_owned),
        wait: seconds.map_or(WAIT, |seconds| Duration::from_secs(seconds).min(LONGEST)),
        acks: text(ACKS_HEADER).is_some(),
    };
    Some((*parts.extensions.get::<AgentId>()?, how))
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("cw", self.0.about.version.clone()))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let offers = tools::offers().into_iter();
        let tools = offers.map(|offer| Tool::new(offer.name, offer.description, offer.schema));
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some((me, how)) = caller(&context) else {
            return Err(ErrorData::internal_error("nobody is known to call", None));
        };
        let arguments = request.arguments.unwrap_or_default();
        let told = tokio::select! {
            // An answer that came at the same moment is not taken for somebody who has gone.
            biased;
            () = context.ct.cancelled() => {
                return Err(ErrorData::internal_error("the caller has gone", None));
            }
            told = tools::call(&self.0, me, &request.name, arguments, how) => told,
        };
        let Some(told) = told else {
            // The server ends. No answer is better than a wrong one: the connection breaks, and
            // the call is made again.
            return std::future::pending().await;
        };
        let content = vec![ContentBlock::text(told.text)];
        let mut result = if told.is_error {
            CallToolResult::error(content)
        } else {
            CallToolResult::success(content)
        };
        if !told.handed.is_empty() {
            let field = (HANDED_FIELD.to_owned(), told.handed.into());
            result.meta = Some(MetaObject([field].into_iter().collect()));
        }
        Ok(result.into())
    }
}
