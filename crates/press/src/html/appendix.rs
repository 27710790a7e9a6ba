//! The appendix of a page: data behind its tables, figures and facts, with their queries.

use super::escape::Escaped;
use super::policy::data_address;
use super::sheet::Sheet;
use super::{Page, ROWS_MAX};
use crate::document::Data;
use crate::labels::{anchor, file_name};

impl Page<'_> {
    pub(super) fn appendix(&mut self) {
        if self.document.data.is_empty() {
            return;
        }
        self.push(&format!(
            "<section id=\"appendix\"><h2>{}</h2><p>{}</p>\n",
            self.words.appendix, self.words.appendix_lead
        ));
        for data in &self.document.data {
            self.data(data);
        }
        self.push("</section>\n");
    }

    fn data(&mut self, data: &Data) {
        let words = self.words;
        let sheet = Sheet::read(&data.csv, ROWS_MAX);
        let (place, file) = (anchor("data", &data.id), file_name(&data.id, "csv"));
        let title = if data.title.is_empty() { &data.id } else { &data.title };
        self.push(&format!(
            "<details class=\"data\" id=\"{place}\"><summary><span id=\"{place}-caption\">{}</span> \
             <small>{file}{}{}</small></summary>",
            Escaped(title),
            if words.tag == "ja" { "、" } else { ", " },
            words.rows(sheet.rows_all)
        ));
        let users = self.labels.users(&data.id);
        if !users.is_empty() {
            let links: Vec<String> = users
                .iter()
                .map(|label| format!("<a href=\"#{}\">{}</a>", label.anchor, label.text))
                .collect();
            let comma = if words.tag == "ja" { "、" } else { ", " };
            self.push(&format!(
                "<p class=\"users\">{}{}{}</p>",
                words.used_in,
                words.colon,
                links.join(comma)
            ));
        }
        if data.sql.trim().is_empty() {
            self.push(&format!("<p class=\"users\">{}</p>", words.computed));
        } else {
            self.push(&format!(
                "<pre class=\"sql\" tabindex=\"0\"><code>{}</code></pre>",
                Escaped(data.sql.trim_end())
            ));
        }
        self.push(&format!(
            "<p><a class=\"download\" download=\"{file}\" href=\"{}\">{}</a></p>",
            data_address(&data.csv),
            words.download
        ));
        self.cells(&sheet.columns, &sheet.rows, &place);
        if sheet.rows_all > sheet.rows.len() {
            let cut = words.rows_shown(sheet.rows.len(), sheet.rows_all);
            self.push(&format!("<p class=\"note\">{cut}</p>"));
        }
        self.push("</details>\n");
    }
}
