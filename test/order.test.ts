/** The order in which functions are simplified. */

import { type OrderNode, rankAll } from "../lib/order";
import { Random } from "./random";

/** Callees by index; sizes fall from node to node unless they are given. */
function graph(callees: number[][], changes: Record<number, Partial<OrderNode>> = {}): OrderNode[] {
  return callees.map((list, i) => ({
    callees: list,
    owner: -1,
    name: `f${i}`,
    size: 2 ** (30 - Math.min(i, 20)),
    mustInline: false,
    ...changes[i],
  }));
}

/** Nodes in the order of their ranks. */
function orderOf(nodes: OrderNode[]): number[] {
  const ranks = rankAll(nodes);
  return nodes.map((_, node) => node).sort((a, b) => ranks[a]! - ranks[b]!);
}

test("callees come first", () => {
  expect(orderOf(graph([[1, 2], [2], [3], []]))).toEqual([3, 2, 1, 0]);
});

test("ranks are the numbers from 0, each once", () => {
  const ranks = rankAll(graph([[1], [0], [2], [], [3, 0]]));
  expect([...ranks].sort()).toEqual([0, 1, 2, 3, 4]);
});

test("a random graph: only calls within a cycle go to what comes later", () => {
  const random = new Random("random graphs");
  for (let round = 0; round < 200; round++) {
    const count = 1 + random.below(40);
    const callees = Array.from({ length: count }, () =>
      Array.from({ length: random.below(4) }, () => random.below(count)),
    );
    const reach = callees.map((_, node) => reachable(callees, node));
    const ranks = rankAll(graph(callees));
    callees.forEach((list, node) => {
      for (const callee of list)
        if (!reach[callee]!.has(node)) expect(ranks[callee]).toBeLessThan(ranks[node]!);
    });
  }
});

function reachable(callees: number[][], from: number): Set<number> {
  const found = new Set(callees[from]);
  for (const node of found) for (const callee of callees[node]!) found.add(callee);
  return found;
}

describe("in a cycle", () => {
  test("a large function comes after small ones", () => {
    const cycle = [[1], [2], [0]];
    const sizes = [{ size: 100 }, { size: 100_000 }, { size: 10 }];
    expect(orderOf(graph(cycle, sizes)).at(-1)).toBe(1);
  });

  test("what must be inlined comes first", () => {
    const twins = graph([[1], [0]], { 0: { mustInline: true } });
    expect(orderOf(twins)).toEqual([0, 1]);
    expect(orderOf(graph([[1], [0]], { 1: { mustInline: true } }))).toEqual([1, 0]);
  });

  test("a function with one caller comes just before it, whatever their sizes", () => {
    const cycle = [[1, 3], [2], [0], [0]];
    const owners = { 1: { owner: 0 }, 2: { owner: 1 } };
    const order = orderOf(graph(cycle, owners));
    expect(order.slice(order.indexOf(2))).toEqual([2, 1, 0]);
  });

  test("owners that only call each other", () => {
    const order = orderOf(graph([[1], [2], [0]], [{ owner: 2 }, { owner: 0 }, { owner: 1 }]));
    expect(order.toSorted()).toEqual([0, 1, 2]);
  });

  test("an edit that leaves a size's magnitude leaves the order", () => {
    const cycle = [[1], [2], [0]];
    const before = orderOf(graph(cycle, [{ size: 600 }, { size: 610 }, { size: 620 }]));
    expect(orderOf(graph(cycle, [{ size: 620 }, { size: 600 }, { size: 610 }]))).toEqual(before);
  });
});

test("nothing depends on where nodes stand", () => {
  const random = new Random("permuted graphs");
  for (let round = 0; round < 100; round++) {
    const count = 2 + random.below(30);
    const nodes = Array.from({ length: count }, (_, i) => ({
      callees: Array.from({ length: 1 + random.below(3) }, () => random.below(count)),
      owner: -1,
      name: `f${i}`,
      size: random.below(5000),
      mustInline: random.below(5) === 0,
    }));
    giveOwners(nodes);
    const names = orderOf(nodes).map((node) => nodes[node]!.name);
    const places = random.shuffled(nodes.map((_, node) => node)); // new place to node
    const placeOf = (node: number) => places.indexOf(node);
    const moved = places.map((node) => ({
      ...nodes[node]!,
      callees: random.shuffled(nodes[node]!.callees.map(placeOf)),
      owner: placeOf(nodes[node]!.owner),
    }));
    expectSameCycles(moved, names);
  }
});

/** A node that one other node calls, and once, has it as its owner. */
function giveOwners(nodes: OrderNode[]): void {
  nodes.forEach((node, index) => {
    const callers = nodes.flatMap(({ callees }, caller) =>
      callees.flatMap((callee) => (callee === index ? [caller] : [])),
    );
    if (callers.length === 1 && callers[0] !== index) node.owner = callers[0]!;
  });
}

/** Unrelated nodes may change places; what may inline what must not. */
function expectSameCycles(nodes: OrderNode[], names: string[]): void {
  const ranks = rankAll(nodes);
  const expected = new Map(names.map((name, rank) => [name, rank]));
  nodes.forEach(({ callees, name }, node) => {
    for (const callee of callees) {
      const before = expected.get(nodes[callee]!.name)! < expected.get(name)!;
      expect(ranks[callee]! < ranks[node]!).toBe(before);
    }
  });
}

describe("50,000 functions in a row", () => {
  const count = 50_000;
  const chain = Array.from({ length: count }, (_, i) => (i + 1 < count ? [i + 1] : []));

  test("a chain", () => {
    const ranks = rankAll(graph(chain));
    expect([ranks[0], ranks[count - 1]]).toEqual([count - 1, 0]);
  });

  test("a cycle", () => {
    expect(new Set(rankAll(graph([...chain.slice(0, -1), [0]]))).size).toBe(count);
  });

  test("a cycle of which each member is the only caller of the next", () => {
    const nodes = graph([...chain.slice(0, -1), [0]]);
    for (let i = 1; i < count; i++) nodes[i]!.owner = i - 1;
    const ranks = rankAll(nodes);
    expect([ranks[0], ranks[count - 1]]).toEqual([count - 1, 0]);
  });
});
