/**
 * The order in which functions are simplified: callees first. In a cycle of calls
 * somebody must come before one of his callees, and cannot inline it. What is
 * small, and what would be inlined whatever its size, had better come early:
 *
 * - A function with a single caller is ranked just before that caller.
 * - A walk over a cycle's members enters large functions first. It leaves them
 *   last, and to those that it is within no call can be inlined.
 *
 * Names settle the rest, and nothing depends on where the inputs stand. Sizes
 * count by their magnitude, so that an edit seldom changes the order.
 */

/** The magnitude of a size: an edit seldom changes it. */
export function sizeClass(size: number): number {
  return Math.floor(Math.log2(size + 1));
}

export interface OrderNode {
  callees: number[];
  /** The only caller; -1 where there are others. */
  owner: number;
  name: string;
  size: number;
  /** It comes last in the walk, hence first in the order. */
  mustInline: boolean;
}

/** Ranks nodes so that, cycles apart, each comes behind its callees. */
export function rankAll(nodes: readonly OrderNode[]): Int32Array {
  const ranks = new Int32Array(nodes.length).fill(-1);
  let next = 0;
  const rank = (node: number) => {
    ranks[node] = next++;
  };
  for (const members of stronglyConnected(nodes.map(({ callees }) => callees))) {
    if (members.length === 1) rank(members[0]!);
    else rankCycle(members, nodes, rank);
  }
  return ranks;
}

function rankCycle(members: number[], nodes: readonly OrderNode[], rank: (node: number) => void) {
  const inside = new Set(members);
  const keys = new Map(members.map((node) => [node, orderKey(nodes[node]!)]));
  const byKey = (a: number, b: number) => compare(keys.get(a)!, keys.get(b)!) || a - b;
  const sorted = members.toSorted(byKey);
  const chains = chainsOf(sorted, nodes, inside);
  const headOf = (node: number) => chains.get(node)!.head;
  const groups = new Map<number, number[]>();
  for (const node of sorted) {
    const group = groups.get(headOf(node));
    if (group) group.push(node);
    else groups.set(headOf(node), [node]);
  }
  const heads = [...groups.keys()].sort(byKey);
  const edgesOf = (head: number) => {
    const callees = groups.get(head)!.flatMap((node) => nodes[node]!.callees);
    const others = new Set(callees.filter((node) => inside.has(node)).map(headOf));
    return [...others].sort(byKey);
  };
  postOrder(heads, edgesOf, (head) => {
    const deepestFirst = (a: number, b: number) =>
      chains.get(b)!.length - chains.get(a)!.length || byKey(a, b);
    for (const node of groups.get(head)!.sort(deepestFirst)) rank(node);
  });
}

interface Chain {
  head: number;
  length: number;
}

/** A member's only caller, that one's only caller, and so on, within a cycle: up to the head. */
function chainsOf(
  members: readonly number[],
  nodes: readonly OrderNode[],
  inside: ReadonlySet<number>,
): Map<number, Chain> {
  const chains = new Map<number, Chain>();
  for (const member of members) {
    const path: number[] = [];
    for (let node = member; inside.has(node) && !chains.has(node); node = nodes[node]!.owner) {
      chains.set(node, { head: node, length: 0 });
      path.push(node);
    }
    for (const node of path.reverse()) {
      const above = chains.get(nodes[node]!.owner);
      if (above) chains.set(node, { head: above.head, length: above.length + 1 });
    }
  }
  return chains;
}

function orderKey({ mustInline, size, name }: OrderNode): string {
  const magnitude = 64 - sizeClass(size);
  return `${mustInline ? 1 : 0} ${String(magnitude).padStart(2, "0")} ${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Calls `visit` for every node that the roots reach: those it has edges to first. */
function postOrder(
  roots: readonly number[],
  edgesOf: (node: number) => number[],
  visit: (node: number) => void,
): void {
  const seen = new Set<number>();
  const stack: { node: number; edges: number[]; next: number }[] = [];
  const enter = (node: number) => {
    if (seen.has(node)) return;
    seen.add(node);
    stack.push({ node, edges: edgesOf(node), next: 0 });
  };
  for (const root of roots) {
    enter(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const edge = top.edges[top.next++];
      if (edge !== undefined) {
        enter(edge);
      } else {
        visit(top.node);
        stack.pop();
      }
    }
  }
}

/** Tarjan's algorithm: the components, each behind those that it has edges to. */
function stronglyConnected(edges: readonly number[][]): number[][] {
  const index = new Int32Array(edges.length).fill(-1);
  const low = new Int32Array(edges.length);
  const isOnStack = new Uint8Array(edges.length);
  const open: number[] = [];
  const components: number[][] = [];
  const work: { node: number; next: number }[] = [];
  let count = 0;
  const enter = (node: number) => {
    index[node] = low[node] = count++;
    isOnStack[node] = 1;
    open.push(node);
    work.push({ node, next: 0 });
  };
  const close = (node: number) => {
    const members = open.splice(open.lastIndexOf(node));
    for (const member of members) isOnStack[member] = 0;
    components.push(members);
  };
  for (let root = 0; root < edges.length; root++) {
    if (index[root]! >= 0) continue;
    enter(root);
    for (let top = work.at(-1); top; top = work.at(-1)) {
      const edge = edges[top.node]![top.next++];
      if (edge === undefined) {
        if (low[top.node] === index[top.node]) close(top.node);
        work.pop();
        const parent = work.at(-1);
        if (parent) low[parent.node] = Math.min(low[parent.node]!, low[top.node]!);
      } else if (index[edge]! < 0) {
        enter(edge);
      } else if (isOnStack[edge]) {
        low[top.node] = Math.min(low[top.node]!, index[edge]!);
      }
    }
  }
  return components;
}
