"""The run report: complete, marked, deterministic, without values; and in a real browser."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migration.quality.report import write_report
from migration.quality.stage import reconcile_division, validate_division

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLANTED = "Zzplantedname"
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def damaged_run(make_run: Callable[..., Any], engine: sa.Engine) -> Any:
    run = make_run()
    run.rows["crime"][0]["crime_code"] = "99999"
    run.rows["crime_report"][1]["occurred_to_utc"] = run.rows["crime_report"][1]["recorded_at_utc"].replace(year=1999)
    run.rows["nominal"][0]["maiden_name"] = PLANTED
    run.quarantine("crime_marker", "10#1#CY")
    run.write().stage(engine)
    validate_division(run.context, engine)
    return run


def personal_values(run: Any) -> set[str]:
    values = {PLANTED, *(r["full_name_raw"] for r in run.rows["nominal"])}
    return values | {r["location_raw_text"] for r in run.rows["location"]}


def test_report_and_data_docs_name_what_fails_and_nothing_personal(damaged_run: Any, engine: sa.Engine) -> None:
    path = write_report(damaged_run.context, engine)
    text = path.read_text(encoding="utf-8")
    assert text.count("OFFICIAL-SENSITIVE") >= 4
    assert "SGJD crime code is a value of the national list" in text
    assert "A crime does not end before it begins" in text
    assert "NOT EVALUATED" in text
    assert "map.crime_marker.crime_code" in text
    values = personal_values(damaged_run)
    assert [v for v in values if v in text] == []
    pages = sorted((damaged_run.context.report_folder / "data_docs").rglob("*.html"))
    assert len(pages) > 15
    content = "".join(p.read_text(encoding="utf-8") for p in pages)
    assert [v for v in values if v in content] == []
    assert "first legacy keys: 1#1" in content
    assert all("OFFICIAL-SENSITIVE" in p.read_text(encoding="utf-8") for p in pages)
    first = path.read_bytes()
    assert write_report(damaged_run.context, engine).read_bytes() == first
    assert re.search(rb"https?://", first) is None


@pytest.fixture
def page() -> "Iterator[Page]":
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: install the Debian package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(viewport={"width": 1200, "height": 900})
        browser.close()


CONTRAST = """() => {
  const linear = x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const lum = c => { const v = c.match(/[0-9.]+/g).slice(0, 3).map(x => linear(x / 255));
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
  const isClear = b => /, 0\\)$|transparent/.test(b);
  const back = e => {
    while (e && isClear(getComputedStyle(e).backgroundColor)) e = e.parentElement;
    return e ? getComputedStyle(e).backgroundColor : 'rgb(255,255,255)';
  };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || e.closest('svg, .skip')) continue;
    const s = getComputedStyle(e), a = lum(s.color), b = lum(back(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
  }
  return [...new Set(low)];
}"""


@pytest.mark.browser
def test_report_renders_prints_and_can_be_read_by_everybody(
    damaged_run: Any, engine: sa.Engine, page: "Page", tmp_path: Path
) -> None:
    reconcile_clean = make_reconciled(damaged_run, engine)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.goto(write_report(damaged_run.context, engine).as_uri())
    assert problems == []
    assert page.title().startswith("OFFICIAL-SENSITIVE")
    assert page.get_by_role("heading", level=1).count() == 1
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(h => +h.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.eval_on_selector_all("th:not([scope])", "all => all.length") == 0
    assert page.eval_on_selector_all("table:not(:has(caption))", "all => all.length") == 0
    assert page.evaluate("document.documentElement.lang") == "en-GB"
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    broken = page.eval_on_selector_all(
        "a[href^='#']", "all => all.map(a => a.getAttribute('href').slice(1)).filter(i => !document.getElementById(i))"
    )
    assert broken == []
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.get_by_text("What each owner should look at").first.is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") >= 3 or pdf.count(b"/Page") > 3
    assert reconcile_clean


def make_reconciled(run: Any, engine: sa.Engine) -> bool:
    """The run's ledger and totals in the report too; its damage to crime codes is a break, which is what is wanted."""
    from migration.errors import ReconciliationError

    try:
        reconcile_division(run.context, engine)
    except ReconciliationError:
        return True
    return False
