// Opens HTML files in Chromium and fails on console errors, on any request, on overflow, and on broken links within a page.
//
//   node check.js [--shots FOLDER] FILE.html ...
//
// Chromium is the one of the system (Debian: apt-get install chromium), or the one that CHROMIUM names.
// Exit: 0 all is well, 1 a page has faults (one line each on stdout), 2 the check could not be made.
import { existsSync, mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const WIDTHS = [1440, 768, 390];
const SCHEMES = ["light", "dark"];
const PAGE_MS_MAX = 60_000;
const HEIGHT_PX = 900;
// Chromium draws no taller picture.
const SHOT_PX_MAX = 16_000;

const browserPath = () => {
  const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = process.env.CHROMIUM ?? known.find(existsSync);
  if (!found) {
    throw new Error("looked for chromium, found none; hint: apt-get install chromium, or set CHROMIUM to its path");
  }
  return found;
};

const readArguments = (words) => {
  const files = [];
  let shots = null;
  while (words.length > 0) {
    const word = words.shift();
    if (word === "--shots") {
      shots = words.shift();
    } else {
      files.push(word);
    }
  }
  if (files.length === 0 || shots === undefined) {
    throw new Error("usage: node check.js [--shots FOLDER] FILE.html ...");
  }
  return { files, shots };
};

// Faults of a page that can be read from its elements. Runs in the page.
const inspect = () => {
  const faults = [];
  const ids = new Map();
  for (const element of document.querySelectorAll("[id]")) {
    ids.set(element.id, (ids.get(element.id) ?? 0) + 1);
  }
  for (const [id, count] of ids) {
    if (count > 1) {
      faults.push(`id "${id}" stands ${count} times`);
    }
  }
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    if (!ids.has(decodeURIComponent(link.hash.slice(1)))) {
      faults.push(`link to "${link.hash}" leads nowhere`);
    }
  }
  for (const name of ["aria-labelledby", "aria-describedby"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      for (const id of element.getAttribute(name).split(/\s+/)) {
        if (!ids.has(id) && !element.closest("svg")) {
          faults.push(`${name} "${id}" leads nowhere`);
        }
      }
    }
  }
  let before = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) {
      faults.push(`heading "${heading.textContent}" of level ${level} follows one of level ${before}`);
    }
    before = level;
  }
  if (document.querySelectorAll("h1").length !== 1) {
    faults.push("there is not exactly one h1");
  }
  if (!document.documentElement.lang) {
    faults.push("the page names no language");
  }
  return faults;
};

// Text that contrasts less with its background than WCAG 2 AA asks. Runs in the page.
const contrast = () => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = ([red, green, blue]) => {
    const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) {
        return colour;
      }
    }
    return [255, 255, 255];
  };
  const faults = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || element.closest("svg, script, style") || !element.checkVisibility()) {
      continue;
    }
    const style = getComputedStyle(element);
    const [lighter, darker] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
    const size = Number.parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (lighter + 0.05) / (darker + 0.05);
    if (ratio < (large ? 3 : 4.5)) {
      faults.add(`contrast ${ratio.toFixed(2)} of "${text.data.trim().slice(0, 40)}"`);
    }
  }
  return [...faults];
};

// What sticks out of the page to the right, other than within boxes that scroll. Runs in the page.
const overflow = () => {
  const width = document.documentElement.clientWidth;
  const scrolls = (element) => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) {
        return true;
      }
    }
    return false;
  };
  const faults = [];
  if (document.documentElement.scrollWidth > width) {
    faults.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  }
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (box.width > 0 && box.right > width + 1 && element.checkVisibility() && !element.closest("svg svg, svg *") && !scrolls(element)) {
      const name = element.id ? `#${element.id}` : element.className ? `.${element.className}` : "";
      faults.push(`${element.tagName.toLowerCase()}${name} ends at ${Math.round(box.right)} px`);
    }
  }
  return faults.slice(0, 10);
};

// Puts what moves to use: theme, a figure's values by keyboard, a fact's proof, folded data.
const use = async (page, note) => {
  const theme = page.locator("button.theme");
  if ((await theme.count()) > 0) {
    const seen = new Set();
    for (let turn = 0; turn < 3; turn += 1) {
      await theme.click();
      seen.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    }
    if (seen.size < 2) {
      note("the theme button changes nothing");
    }
  }
  const plot = page.locator(".plot:has(g.day)").first();
  if ((await plot.count()) > 0) {
    await plot.focus();
    await page.keyboard.press("End");
    const shown = page.locator(".readout:not([hidden])");
    await shown.waitFor({ timeout: 2_000 }).catch(() => note("a figure shows no values by keyboard"));
    await page.keyboard.press("Escape");
  }
  const proof = page.locator("a.mark").first();
  if ((await proof.count()) > 0) {
    await proof.focus();
    if (!(await page.locator(".mark:focus + .tip").isVisible())) {
      note("a fact does not say what backs it");
    }
    await page.keyboard.press("Enter");
    const hash = await page.evaluate(() => location.hash);
    await page.waitForTimeout(100);
    if (!(await page.locator(`details[id="${hash.slice(1)}"]`).evaluate((details) => details.open))) {
      note(`${hash} stays folded`);
    }
  }
};

const checkOnce = async (browser, file, { width, scheme, script, shot }) => {
  const faults = [];
  const context = await browser.newContext({
    viewport: { width, height: HEIGHT_PX },
    colorScheme: scheme,
    javaScriptEnabled: script,
    offline: false,
    reducedMotion: "reduce",
  });
  const note = (fault) => faults.push(`${file} (${width} px, ${scheme}${script ? "" : ", no script"}): ${fault}`);
  const own = pathToFileURL(resolve(file)).href;
  // Whatever is not the file itself is noted and goes nowhere.
  await context.route("**/*", (route) => {
    const address = route.request().url();
    if (address === own) {
      return route.continue();
    }
    note(`request to ${address.slice(0, 200)}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_MS_MAX);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      note(`console ${message.type()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => note(`exception: ${error.message}`));
  await page.goto(own, { waitUntil: "load" });
  if (script) {
    for (const fault of [...(await page.evaluate(inspect)), ...(await page.evaluate(overflow)), ...(await page.evaluate(contrast))]) {
      note(fault);
    }
  }
  if (shot) {
    const height = Math.min(SHOT_PX_MAX, await page.evaluate(() => document.documentElement.scrollHeight));
    await page.screenshot({ path: shot, fullPage: true, clip: { x: 0, y: 0, width, height } });
  }
  if (script) {
    await use(page, note);
  }
  await context.close();
  return faults;
};

const main = async () => {
  const { files, shots } = readArguments(process.argv.slice(2));
  for (const file of files) {
    if (!existsSync(file)) {
      throw new Error(`${file}: no such file`);
    }
  }
  if (shots) {
    mkdirSync(shots, { recursive: true });
  }
  const sandbox = process.getuid?.() !== 0;
  const browser = await chromium.launch({ executablePath: browserPath(), chromiumSandbox: sandbox });
  const faults = [];
  try {
    for (const file of files) {
      for (const width of WIDTHS) {
        for (const scheme of SCHEMES) {
          const name = `${basename(file, ".html")}-${width}-${scheme}.png`;
          const shot = shots ? join(shots, name) : null;
          faults.push(...(await checkOnce(browser, file, { width, scheme, script: true, shot })));
        }
      }
      faults.push(...(await checkOnce(browser, file, { width: WIDTHS[0], scheme: "light", script: false, shot: null })));
    }
  } finally {
    await browser.close();
  }
  for (const fault of faults) {
    console.log(fault);
  }
  console.error(`${files.length} pages, ${faults.length} faults`);
  return faults.length === 0 ? 0 : 1;
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(`checking pages: ${error.message}`);
    process.exitCode = 2;
  },
);
