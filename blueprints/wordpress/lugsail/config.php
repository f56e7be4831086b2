<?php
// What wp-config.php begins with.
define('DB_NAME', getenv('DATABASE_NAME'));
define('DB_USER', getenv('DATABASE_USER'));
define('DB_PASSWORD', getenv('DATABASE_PASSWORD'));
define('DB_HOST', getenv('DATABASE_HOST') . ':' . getenv('DATABASE_PORT'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');

foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    foreach (['KEY', 'SALT'] as $kind) {
        define("{$name}_{$kind}", hash_hmac('sha256', "{$name}_{$kind}", getenv('WORDPRESS_SECRET')));
    }
}

// The site is where its visitor found it: the proxy lets no names through but the app's own.
define('WP_HOME', isset($_SERVER['HTTP_HOST']) ? 'https://' . $_SERVER['HTTP_HOST'] : getenv('WORDPRESS_URL'));
define('WP_SITEURL', WP_HOME);
define('FORCE_SSL_ADMIN', true);
define('FS_METHOD', 'direct');
