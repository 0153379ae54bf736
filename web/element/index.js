/** Defines `<hsc-image>`. */

import { HSCImage } from "./hsc_image.js";

if (!customElements.get("hsc-image")) customElements.define("hsc-image", HSCImage);

export { HSCImage };
