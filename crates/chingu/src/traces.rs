//! Traces: steps of chunks as OpenTelemetry spans, told to a collector by OTLP over HTTP.
//!
//! Steps come as events under [`TARGET`], each told when it is over. Their ids are computed, not
//! drawn (`domain::trace`), so that every process tells the same trace of a chunk without carrying
//! anything; a library that draws ids and passes them on has no part in it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use domain::id::{CampaignId, IdSource};
use domain::push::PushKey;
use domain::time::Clock;
use domain::trace::{Share, Step, TARGET};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::{Layer, Registry};

use crate::config::Config;
use crate::machine::SystemIds;
use crate::platform::Platform;

/// How long the last spans may take when the process ends.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// Spans on their way to the collector. To be ended before the process ends.
pub struct Traces(Arc<Collector>);

struct Collector {
    processor: BatchSpanProcessor,
    share: Share,
    clock: Arc<dyn Clock>,
    scope: InstrumentationScope,
}

/// What takes the steps out of the log.
struct Steps(Arc<Collector>);

impl Traces {
    /// `None` where no collector is named.
    pub fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &config.traces.endpoint else {
            return Ok(None);
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .build()
            .context("traces.endpoint")?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let roles: Vec<&str> = config.roles().iter().map(|role| role.name()).collect();
        let resource = Resource::builder()
            .with_service_name("chingu")
            .with_attribute(KeyValue::new("chingu.roles", roles.join(",")))
            .build();
        processor.set_resource(&resource);
        let (clock, _) = Platform::machine();
        Ok(Some(Self(Arc::new(Collector {
            processor,
            share: config.traces.share(),
            clock,
            scope: InstrumentationScope::builder("chingu").build(),
        }))))
    }

    /// What is put beside the logs.
    pub fn layer(&self) -> impl Layer<Registry> + use<> {
        let wanted = Targets::new().with_target(TARGET, LevelFilter::TRACE);
        Steps(self.0.clone()).with_filter(wanted)
    }

    /// Tells what is not told yet.
    pub fn end(&self) {
        if let Err(error) = self.0.processor.shutdown_with_timeout(FLUSH_TIME_MAX) {
            tracing::warn!(%error, "the last spans were not told");
        }
    }
}

impl<S: Subscriber> Layer<S> for Steps {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        if let Some(span) = self.0.span(told) {
            self.0.processor.on_end(span);
        }
    }
}

/// A step as it was told.
#[derive(Default)]
struct Told {
    step: String,
    key: Option<PushKey>,
    campaign: Option<CampaignId>,
    epoch: u64,
    took: Duration,
    attributes: Vec<KeyValue>,
}

impl Told {
    fn number(&mut self, field: &Field, value: i64) {
        let positive = u64::try_from(value).unwrap_or_default();
        match field.name() {
            "took_us" => self.took = Duration::from_micros(positive),
            name => {
                if name == "epoch" {
                    self.epoch = positive;
                }
                self.attributes.push(KeyValue::new(name, value));
            }
        }
    }
}

impl Visit for Told {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "step" => self.step = value.to_owned(),
            name => self.attributes.push(KeyValue::new(name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "key" => self.key = PushKey::parse(&text),
            "campaign" => self.campaign = text.parse().ok(),
            _ => {}
        }
        self.attributes.push(KeyValue::new(field.name(), text));
    }
}

impl Collector {
    /// The span of a step, where it is one of those that are told.
    fn span(&self, told: Told) -> Option<SpanData> {
        let step = Step::from_name(&told.step);
        let drawn = SystemIds.next_bytes();
        let (trace, own, parent) = match (&told.key, step) {
            (Some(key), Some(step)) => {
                if !self.share.takes(key) {
                    return None;
                }
                let epoch = u32::try_from(told.epoch).unwrap_or_default();
                let root = SpanId::from_bytes(Step::Publish.id(key, 0));
                let own = SpanId::from_bytes(step.id(key, epoch));
                let parent = if own == root { SpanId::INVALID } else { root };
                (*key.as_bytes(), own, parent)
            }
            // A range belongs to its campaign; a pass to itself.
            _ => {
                let trace = told.campaign.map_or(drawn, |id| *id.as_bytes());
                let [_, own] = *drawn.as_chunks::<8>().0 else {
                    return None;
                };
                (trace, SpanId::from_bytes(own), SpanId::INVALID)
            }
        };
        let context = SpanContext::new(
            TraceId::from_bytes(trace),
            own,
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let end = time_of(self.clock.as_ref());
        Some(SpanData {
            span_context: context,
            parent_span_id: parent,
            parent_span_is_remote: parent != SpanId::INVALID,
            span_kind: match step {
                Some(Step::Publish) => SpanKind::Producer,
                Some(Step::Claim) => SpanKind::Consumer,
                Some(Step::Push) => SpanKind::Client,
                Some(Step::Record) | None => SpanKind::Internal,
            },
            name: told.step.into(),
            start_time: end - told.took,
            end_time: end,
            attributes: told.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        })
    }
}

fn time_of(clock: &dyn Clock) -> SystemTime {
    let millis = u64::try_from(clock.now().as_millis()).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(millis)
}
