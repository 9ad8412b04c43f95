"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const printed = window.matchMedia("print");
  const config = { responsive: true, displaylogo: false, displayModeBar: false };

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Colours of text, lines and background are the page's own, whichever it has now.
  function layoutOf(figure) {
    const ink = color("--ink"), line = color("--line"), clear = "rgba(0,0,0,0)";
    const font = { family: "system-ui, sans-serif", size: 12, color: ink };
    const axis = { gridcolor: line, showline: false, zerolinecolor: line, automargin: true };
    const base = {
      paper_bgcolor: clear, plot_bgcolor: clear, font: font, autosize: true,
      margin: { l: 8, r: 12, t: 12, b: 8 }, hovermode: "closest", dragmode: false,
      hoverlabel: { bgcolor: color("--card"), bordercolor: line, font: { color: ink }, align: "left" },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { size: 11 } },
    };
    const layout = Object.assign(base, figure.layout);
    for (const key of ["xaxis", "yaxis"]) {
      layout[key] = Object.assign({}, axis, figure.layout[key]);
    }
    return layout;
  }

  function draw() {
    for (const figure of figures) {
      Plotly.react(figure.name, figure.data, layoutOf(figure), config);
    }
  }

  draw();
  dark.addEventListener("change", draw);
  printed.addEventListener("change", draw);
  window.addEventListener("beforeprint", function () {
    for (const each of document.querySelectorAll("details")) { each.open = true; }
    draw();
  });
})();
