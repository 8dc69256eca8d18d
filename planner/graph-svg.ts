import { graphlib, layout } from '@dagrejs/dagre';
import type { GraphNode, PlaybookGraph } from '../contracts/graph';
import { PHASE_COLOURS } from './graph';

const LINE_PX = 18;
const CHARACTER_PX = 7.8;
const PADDING_PX = 12;
const MARGIN_PX = 16;

const text = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const px = (value: number): string => String(Math.round(value * 10) / 10);
const linesOf = ({ title, actions = [] }: GraphNode): string[] => [title, ...actions];

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

function outline({ kind, phase }: GraphNode, { x, y, width, height }: Box): string {
  const paint = `fill="${PHASE_COLOURS[phase ?? ''] ?? '#f1f3f5'}" stroke="#495057"`;
  const [left, top, right, bottom] = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
  if (kind === 'decision') {
    const corners = [
      [left, y],
      [left + 14, top],
      [right - 14, top],
      [right, y],
      [right - 14, bottom],
      [left + 14, bottom],
    ];
    return `<polygon points="${corners.map((one) => one.map(px).join(',')).join(' ')}" ${paint}/>`;
  }
  const radius = kind === 'group' ? 3 : kind === 'question' ? 8 : height / 2;
  const dash = kind === 'question' ? ' stroke-dasharray="5 3"' : '';
  return `<rect x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${px(height)}" rx="${px(radius)}" ${paint}${dash}/>`;
}

function drawn(node: GraphNode, box: Box): string {
  const lines = linesOf(node);
  const top = box.y - ((lines.length - 1) * LINE_PX) / 2;
  const spans = lines.map(
    (line, index) =>
      `<text x="${px(box.x)}" y="${px(top + index * LINE_PX)}"${index === 0 ? ' font-weight="600"' : ''}>${text(line)}</text>`,
  );
  return [outline(node, box), ...spans].join('');
}

/** The graph as an SVG picture that needs nothing else: no script, no font, no address. */
export function svgOf({ title, ref, nodes, edges }: PlaybookGraph): string {
  const graph = new graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'TB', nodesep: 28, ranksep: 44, marginx: MARGIN_PX, marginy: MARGIN_PX });
  for (const node of nodes) {
    const lines = linesOf(node);
    const longest = Math.max(...lines.map((line) => line.length));
    graph.setNode(node.id, {
      width: longest * CHARACTER_PX + 2 * PADDING_PX + (node.kind === 'decision' ? 28 : 0),
      height: lines.length * LINE_PX + 2 * PADDING_PX,
    });
  }
  edges.forEach(({ from, to, way = '' }, index) => {
    const label = { width: way.length * CHARACTER_PX, height: way === '' ? 0 : LINE_PX, labelpos: 'c' };
    graph.setEdge(from, to, label, String(index));
  });
  layout(graph);
  const arrows = edges.map(({ from, to, way }, index) => {
    const {
      points = [],
      x = 0,
      y = 0,
    } = graph.edge({ v: from, w: to, name: String(index) }) as {
      points?: { x: number; y: number }[];
      x?: number;
      y?: number;
    };
    const path = points.map((at, n) => `${n === 0 ? 'M' : 'L'}${px(at.x)} ${px(at.y)}`).join(' ');
    const label = way === undefined ? '' : `<text x="${px(x)}" y="${px(y)}" class="way">${text(way)}</text>`;
    return `<path d="${path}" fill="none" stroke="#868e96" marker-end="url(#arrow)"/>${label}`;
  });
  const boxes = nodes.map((node) => drawn(node, graph.node(node.id) as Box));
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(width)} ${px(height)}" role="img" font-family="system-ui, sans-serif" font-size="13" text-anchor="middle" dominant-baseline="central">`,
    `<title>${text(`${title} (${ref})`)}</title>`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#868e96"/></marker></defs>',
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...arrows,
    ...boxes,
    '</svg>',
    '',
  ].join('\n');
}
