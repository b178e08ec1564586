//! Reads server-sent events out of a stream of bytes.
//!
//! It owns the framing and refuses to know what the events say.

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its name; `message` unless it says otherwise.
    pub(crate) name: String,
    /// Its data, lines joined.
    pub(crate) data: String,
}

/// Takes bytes as they come and gives out whole events.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    name: Option<String>,
    data: Option<String>,
}

impl Frames {
    /// Takes some bytes and returns the events that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.bytes.extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches(['\r', '\n']), &mut frames);
        }
        frames
    }

    fn line(&mut self, line: &str, frames: &mut Vec<Frame>) {
        if line.is_empty() {
            let name = self.name.take().unwrap_or_else(|| "message".to_owned());
            if let Some(data) = self.data.take() {
                frames.push(Frame { name, data });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_however_the_bytes_are_cut() {
        let text = ": hello\n\ndata: {\"a\":\"é\"}\n\nevent: error\r\ndata: one\r\ndata: two\r\n\r\nid: 7\n\ndata: half";
        for size in [1, 2, 7, 1000] {
            let mut frames = Frames::default();
            let all: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|part| frames.feed(part))
                .collect();
            let told: Vec<_> = all
                .iter()
                .map(|f| (f.name.as_str(), f.data.as_str()))
                .collect();
            assert_eq!(told, [("message", "{\"a\":\"é\"}"), ("error", "one\ntwo")]);
        }
    }
}
