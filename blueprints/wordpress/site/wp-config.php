<?php
// The database, the address and the keys come from Lugsail.
require '/lugsail/config.php';

$table_prefix = 'wp_';

/* Add any custom values between this line and the "stop editing" line. */

/* That's all, stop editing! Happy publishing. */

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
