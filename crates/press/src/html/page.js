"use strict";
(() => {
  const root = document.documentElement;

  // Theme: the rules for readers who prefer dark, those of the figures too, hold always, never, or as the reader prefers.
  const dark = [];
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (rule instanceof CSSMediaRule && rule.media.mediaText.includes("prefers-color-scheme")) {
        const asWritten = rule.media.mediaText;
        dark.push([rule, asWritten.startsWith("screen") ? asWritten : `screen and ${asWritten}`]);
      }
    }
  }
  const themes = ["auto", "light", "dark"];
  const button = document.querySelector("button.theme");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const keep = (theme) => {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // A reader who allows no storage chooses again on the next page.
    }
  };
  const show = (theme) => {
    for (const [rule, asWritten] of dark) {
      rule.media.mediaText = { auto: asWritten, light: "not all", dark: "screen" }[theme];
    }
    root.dataset.theme = theme;
    button.dataset.theme = theme;
    button.title = button.dataset[theme];
    button.setAttribute("aria-label", button.dataset[theme]);
  };
  show(themes.includes(stored()) ? stored() : "auto");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
    show(next);
    keep(next);
  });

  // Contents: folded on narrow screens, and the section in sight is marked.
  const contents = document.querySelector(".contents details");
  const wide = matchMedia("print, (min-width: 68rem)");
  const fold = () => {
    contents.open = wide.matches;
  };
  fold();
  wide.addEventListener("change", fold);
  const entries = new Map();
  for (const link of contents.querySelectorAll("a")) {
    const section = document.getElementById(link.hash.slice(1));
    if (section) {
      entries.set(section, link);
    }
    link.addEventListener("click", () => {
      contents.open = wide.matches;
    });
  }
  let marked = null;
  let waiting = false;
  const mark = () => {
    waiting = false;
    let now = null;
    for (const [section, link] of entries) {
      if (section.getBoundingClientRect().top < innerHeight * 0.3) {
        now = link;
      }
    }
    if (scrollY > 0 && scrollY + innerHeight >= root.scrollHeight - 2) {
      now = [...entries.values()].at(-1);
    }
    if (now === marked) {
      return;
    }
    marked?.removeAttribute("aria-current");
    now?.setAttribute("aria-current", "location");
    marked = now;
  };
  addEventListener(
    "scroll",
    () => {
      if (!waiting) {
        waiting = true;
        requestAnimationFrame(mark);
      }
    },
    { passive: true },
  );
  mark();

  // A link to folded data unfolds them.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
    }
  };
  addEventListener("hashchange", unfold);
  unfold();
  for (const link of document.querySelectorAll('a[href^="#data-"]')) {
    link.addEventListener("click", () => {
      const target = document.getElementById(link.hash.slice(1));
      if (target instanceof HTMLDetailsElement) {
        target.open = true;
      }
    });
  }

  // Escape hides what a mark says.
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const element of document.querySelectorAll(".mark:hover, .mark:focus")) {
        element.classList.add("quiet");
      }
    }
  });
  for (const element of document.querySelectorAll(".mark")) {
    for (const kind of ["pointerleave", "blur"]) {
      element.addEventListener(kind, () => element.classList.remove("quiet"));
    }
  }

  // Figures: the values of a day beside the pointer, or moved through with the arrow keys.
  const SVG = "http://www.w3.org/2000/svg";
  const make = (parent, name, text) => {
    const element = parent.appendChild(document.createElement(name));
    element.textContent = text;
    return element;
  };
  const explore = (figure) => {
    const plot = figure.querySelector(".plot");
    const svg = plot.querySelector("svg");
    const days = [...plot.querySelectorAll("g.day")].map((group) => ({
      group,
      rect: group.querySelector("rect"),
      label: group.dataset.label ?? "",
      lines: (group.querySelector("title")?.textContent ?? "").split("\n").filter((line) => line.trim() !== ""),
      series: (group.dataset.series ?? "").split(" ").filter((place) => /^\d+$/.test(place)),
    }));
    if (!svg || days.length === 0 || days.some((day) => !day.rect)) {
      return;
    }
    // Their place is taken by what follows, and by the label of the plot.
    svg.querySelectorAll(":scope > title, g.day > title").forEach((title) => title.remove());
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-label", `${plot.getAttribute("aria-label")} (${plot.dataset.explore})`);
    const box = make(figure, "div", "");
    box.className = "readout";
    box.hidden = true;
    box.setAttribute("aria-hidden", "true");
    const spoken = make(figure, "p", "");
    spoken.className = "sr";
    spoken.setAttribute("aria-live", "polite");
    const guide = document.createElementNS(SVG, "line");
    guide.setAttribute("class", "guide");
    let current = -1;
    const hide = () => {
      current = -1;
      box.hidden = true;
      guide.remove();
    };
    const fill = (day) => {
      box.textContent = "";
      make(box, "b", day.label);
      const lines = day.lines[0] === day.label ? day.lines.slice(1) : day.lines;
      lines.forEach((line, number) => {
        const row = make(box, "span", "");
        const [, name, value] = /^(.*)[:：\t]\s*([^:：\t]*)$/.exec(line) ?? [null, line, ""];
        const key = make(row, "i", name);
        make(row, "strong", value);
        const ink = day.series[number] && svg.querySelector(`.hl${day.series[number]}, .hf${day.series[number]}`);
        if (ink) {
          const style = getComputedStyle(ink);
          row.className = "drawn";
          key.style.setProperty("--swatch", ink.matches(".hl" + day.series[number]) ? style.stroke : style.fill);
        }
      });
      return [day.label, ...lines].join("\n");
    };
    const place = (day, top) => {
      const of = (name) => Number(day.rect.getAttribute(name));
      const x = of("x") + of("width") / 2;
      guide.setAttribute("x1", x);
      guide.setAttribute("x2", x);
      guide.setAttribute("y1", of("y"));
      guide.setAttribute("y2", of("y") + of("height"));
      day.group.parentNode.insertBefore(guide, day.group.parentNode.querySelector("g.day"));
      const outer = figure.getBoundingClientRect();
      const cell = day.rect.getBoundingClientRect();
      const middle = cell.left + cell.width / 2 - outer.left;
      const width = box.offsetWidth;
      const right = middle + 16 + width <= outer.width;
      const left = Math.max(0, Math.min(right ? middle + 16 : middle - 16 - width, outer.width - width));
      box.style.left = `${left}px`;
      const above = top ?? cell.top + Math.min(24, cell.height / 4);
      box.style.top = `${Math.max(0, above - outer.top)}px`;
    };
    const show = (number, top) => {
      const day = days[number];
      const text = number === current ? null : fill(day);
      current = number;
      box.hidden = false;
      place(day, top);
      return text;
    };
    const at = (event) => {
      const rects = days.map((day) => day.rect.getBoundingClientRect());
      const number = rects.findIndex((rect) => event.clientX >= rect.left && event.clientX < rect.right);
      const rect = rects[number];
      if (!rect || event.clientY < rect.top || event.clientY > rect.bottom) {
        hide();
      } else {
        show(number);
      }
    };
    plot.addEventListener("pointermove", at);
    plot.addEventListener("pointerdown", at);
    plot.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") {
        hide();
      }
    });
    plot.addEventListener("blur", hide);
    plot.addEventListener("scroll", hide, { passive: true });
    document.addEventListener("pointerdown", (event) => {
      if (!plot.contains(event.target)) {
        hide();
      }
    });
    plot.addEventListener("keydown", (event) => {
      const last = days.length - 1;
      const next = {
        ArrowLeft: current < 0 ? last : Math.max(0, current - 1),
        ArrowRight: Math.min(last, current + 1),
        Home: 0,
        End: last,
      }[event.key];
      if (event.key === "Escape") {
        hide();
      } else if (next !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        const middle = days[next].rect.getBoundingClientRect();
        const frame = plot.getBoundingClientRect();
        if (middle.left < frame.left || middle.right > frame.right) {
          plot.scrollLeft += middle.left - frame.left - frame.width / 2;
        }
        // Scrolling hides; so show when it is over.
        requestAnimationFrame(() => requestAnimationFrame(() => {
          spoken.textContent = show(next) ?? spoken.textContent;
        }));
      }
    });
  };
  document.querySelectorAll("figure.drawing").forEach(explore);
})();
