//! What ports, regions, networks and tools are called in sentences, tables and legends.

use hirundo_analysis::finding::Subject;
use hirundo_analysis::sentence::Names as Spoken;

use crate::intel::{region, service};
use crate::period::Lang;

/// Regions that English names with an article.
const WITH_ARTICLE: &str = "AE BS CD CF CK DO FK FO GB GM KM KY MH MP MV NL PH SB SC TC US VA VG VI";

/// Names in one language.
#[derive(Clone, Copy, Debug)]
pub struct Names(pub Lang);

impl Names {
    /// A region by its code, as tables and legends have it.
    pub fn region_name(self, code: &str) -> String {
        let language = match self.0 {
            Lang::English => region::Language::English,
            Lang::Japanese => region::Language::Japanese,
        };
        let name = region::code(code).and_then(|number| region::name(number, language));
        name.unwrap_or(code).to_owned()
    }

    /// Whatever it is.
    pub fn label(self, subject: &Subject) -> String {
        let of = |left: String, right: String| match self.0 {
            Lang::English => format!("{left} from {right}"),
            Lang::Japanese => format!("{right}からの{left}"),
        };
        match subject {
            Subject::Total => self.either("全パケット", "all packets"),
            Subject::Port { proto, port } => self.port(*proto, *port),
            Subject::Region(code) => self.region_name(code),
            Subject::Network(asn) => self.network(*asn),
            Subject::Tool(tool) => self.traffic(tool),
            Subject::ToolRegion { tool, region } => of(self.traffic(tool), self.region(region)),
            Subject::PortRegion { proto, port, region } => of(self.port(*proto, *port), self.region(region)),
        }
    }

    /// A region as sentences name it; anything else by its label.
    pub fn spoken(self, subject: &Subject) -> String {
        if let Subject::Region(code) = subject {
            return self.region(code);
        }
        self.label(subject)
    }

    /// An organisation's name, which rankings of scanners hold as a tool.
    pub fn label_of_tool(self, subject: &Subject) -> String {
        if let Subject::Tool(name) = subject {
            return name.clone();
        }
        self.label(subject)
    }

    fn traffic(self, tool: &str) -> String {
        let name = self.tool(tool);
        match self.0 {
            Lang::English => format!("{name} traffic"),
            Lang::Japanese => format!("{name}の特徴を持つパケット"),
        }
    }

    /// One of two texts.
    pub fn either(self, japanese: &str, english: &str) -> String {
        match self.0 {
            Lang::Japanese => japanese.to_owned(),
            Lang::English => english.to_owned(),
        }
    }
}

impl Spoken for Names {
    fn port(&self, proto: u8, port: Option<u16>) -> String {
        let Some(port) = port else { return service::protocol(proto) };
        let label = service::label(proto, port);
        match self.0 {
            Lang::English => label,
            Lang::Japanese => label.replace(" (", "（").replace(')', "）"),
        }
    }

    fn region(&self, code: &str) -> String {
        let name = self.region_name(code);
        if self.0 == Lang::English && WITH_ARTICLE.split(' ').any(|known| known == code) {
            return format!("the {name}");
        }
        name
    }

    fn network(&self, asn: u32) -> String {
        format!("AS{asn}")
    }

    fn tool(&self, tool: &str) -> String {
        match tool {
            "mirai" => "Mirai".to_owned(),
            "masscan" => "Masscan".to_owned(),
            "masscan-old" => self.either("Masscan（旧版）", "Masscan (old)"),
            "nmap" => "Nmap".to_owned(),
            "unicornscan" => "Unicornscan".to_owned(),
            "xmap" => "XMap".to_owned(),
            "zmap-id" => self.either("ZMap（旧版）", "ZMap (old)"),
            "zmap-new" => self.either("ZMap（新版）", "ZMap (new)"),
            "zmap-or-xmap" => self.either("ZMapまたはXMap", "ZMap or XMap"),
            other => other.to_owned(),
        }
    }
}
