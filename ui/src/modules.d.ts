declare module "idiomorph" {
  export const Idiomorph: {
    morph(old: Element, fresh: Element | string, options?: Record<string, unknown>): Node[];
  };
}
declare module "*.css";
