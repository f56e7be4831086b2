<?php
// Waits for the database and sets WordPress up in it, unless it is there; then only what a newer version needs is done.
mysqli_report(MYSQLI_REPORT_OFF);
for ($end = time() + 240; ; usleep(200_000)) {
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 5);
    if (@$db->real_connect(getenv('DATABASE_HOST'), getenv('DATABASE_USER'), getenv('DATABASE_PASSWORD'), getenv('DATABASE_NAME'), (int) getenv('DATABASE_PORT'))) {
        break;
    }
    if (time() > $end) {
        fwrite(STDERR, "The database does not answer: {$db->connect_error}\n");
        exit(1);
    }
}
require '/site/wp-includes/version.php';
$found = $db->query("SELECT option_value FROM wp_options, wp_users WHERE option_name = 'db_version' LIMIT 1");
if ($found && (int) ($found->fetch_row()[0] ?? 0) === $wp_db_version) {
    exit; // as nearly always, and without the seconds that WordPress takes to load
}
$db->close();

define('WP_INSTALLING', true);
require '/site/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

function wp_new_blog_notification() // the password stands in Lugsail's note, and there is nobody to send mail
{
}

if (!is_blog_installed() || !$wpdb->get_var("SELECT ID FROM $wpdb->users LIMIT 1")) { // the second: it was cut off
    wp_install(getenv('WORDPRESS_TITLE'), getenv('WORDPRESS_ADMIN'), getenv('WORDPRESS_EMAIL'), true, '', getenv('WORDPRESS_PASSWORD'));
    update_option('permalink_structure', '/%postname%/');
    flush_rewrite_rules(false);
    echo "WordPress is set up.\n";
} elseif ((int) get_option('db_version') !== (int) $wp_db_version) {
    wp_upgrade();
    echo "The database fits the new version now.\n";
}
