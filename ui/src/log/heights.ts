// How high the lines of a log are, and which of them stands where: sums in a binary indexed tree, so
// that each question costs a few steps with a hundred thousand lines, too.

export class Heights {
  private tree: number[] = [0];
  private each: number[] = [];

  get length(): number { return this.each.length; }
  get total(): number { return this.before(this.each.length); }
  of(i: number): number { return this.each[i] ?? 0; }

  push(height: number): void {
    const i = this.each.push(height);
    let sum = height;
    for (let step = 1; step < (i & -i); step *= 2) sum += this.tree[i - step]!;
    this.tree.push(sum);
  }

  set(i: number, height: number): void {
    const more = height - this.each[i]!;
    if (!more) return;
    this.each[i] = height;
    for (let k = i + 1; k <= this.each.length; k += k & -k) this.tree[k]! += more;
  }

  /** The height of the first n lines. */
  before(n: number): number {
    let sum = 0;
    for (; n > 0; n -= n & -n) sum += this.tree[n]!;
    return sum;
  }

  /** The line at that height. */
  at(height: number): number {
    let i = 0, step = 1;
    while (step * 2 <= this.each.length) step *= 2;
    for (; step; step >>= 1) {
      if (i + step <= this.each.length && this.tree[i + step]! <= height) { i += step; height -= this.tree[i]!; }
    }
    return Math.max(0, Math.min(i, this.each.length - 1));
  }
}
