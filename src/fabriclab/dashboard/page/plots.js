// Memory, processor and requests of the agent, as they come.

const KEPT = 600;
const HEIGHT = 96;
const series = { memory: [[], []], cpu: [[], []], requests: [[], []] };
const titles = { memory: "memory, MiB (PSS)", cpu: "processor, %", requests: "requests per minute" };
const plots = {};

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function make(name) {
  const box = document.getElementById(`plot-${name}`);
  const axis = { stroke: style("--faint"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false }, size: 44, font: "11px system-ui" };
  return new uPlot(
    {
      title: titles[name],
      width: Math.max(box.clientWidth, 240),
      height: HEIGHT,
      cursor: { drag: { x: false, y: false } },
      legend: { show: false },
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(high ?? 1, 1) * 1.15] } },
      axes: [{ ...axis, size: 24, values: (_, values) => values.map((one) => `${one} s`) }, { ...axis, space: 22 }],
      series: [{ label: "s" }, { label: name, stroke: style("--accent"), width: 2, points: { show: false } }],
    },
    series[name],
    box,
  );
}

export function plot(samples) {
  for (const [name, [moments, values]] of Object.entries(series)) {
    for (const one of samples) {
      moments.push(one.since);
      values.push(one[name]);
    }
    moments.splice(0, Math.max(moments.length - KEPT, 0));
    values.splice(0, Math.max(values.length - KEPT, 0));
    if (!plots[name] && moments.length) plots[name] = make(name);
    else if (samples.length) plots[name]?.setData(series[name]);
    if (!plots[name]) continue;
    const nothing = values.every((one) => one == null);
    plots[name].root.classList.toggle("nothing", nothing);
    const said = values.at(-1) ?? (document.body.dataset.guest === "vm" ? "not told by the virtual machine" : "no agent runs");
    plots[name].root.querySelector(".u-title").textContent = `${titles[name]}: ${said}`;
  }
}

function again() {
  for (const name of Object.keys(plots)) {
    plots[name].destroy();
    plots[name] = make(name);
  }
}

addEventListener("resize", () => {
  for (const [name, one] of Object.entries(plots)) one.setSize({ width: Math.max(document.getElementById(`plot-${name}`).clientWidth, 240), height: HEIGHT });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
