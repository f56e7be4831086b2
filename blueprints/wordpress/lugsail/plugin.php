<?php
/**
 * Plugin Name: Lugsail
 * Description: Lets WordPress reach itself behind the proxy, and follow its address. It is put here at each start.
 */

// WordPress asks its own address for scheduled work and for the checks of Site Health. From inside of the container
// that address leads nowhere or to a certificate that PHP does not know, so such requests take the short way.
add_filter('pre_http_request', function ($answer, $args, $url) {
    $address = function ($url) {
        return strtolower(wp_parse_url($url, PHP_URL_HOST) . ':' . (wp_parse_url($url, PHP_URL_PORT) ?: 443));
    };
    if ($answer !== false || $address($url) !== $address(home_url())) {
        return $answer;
    }
    $headers = is_array($args['headers']) ? $args['headers'] : WP_Http::processHeaders($args['headers'])['headers'];
    $args['headers'] = ['Host' => substr(home_url(), strlen('https://')), 'X-Forwarded-Proto' => 'https'] + $headers;
    $args['reject_unsafe_urls'] = false;
    [, $path] = explode('/', substr($url, strlen('https://')), 2) + [1 => ''];
    return wp_remote_request('http://127.0.0.1:' . getenv('PORT') . '/' . $path, $args);
}, 10, 3);

// The texts hold the addresses of their pictures. When the site has got another one they are shown with that, and they
// are changed for good when an administrator comes by: more than one address may lead here at once.
function lugsail_old_address()
{
    return wp_load_alloptions()['siteurl'] . '/';
}

add_filter('the_content', function ($text) {
    return str_replace(lugsail_old_address(), home_url('/'), $text);
}, 99);

add_action('admin_init', function () {
    global $wpdb;
    if (lugsail_old_address() === home_url('/') || !current_user_can('manage_options')) {
        return;
    }
    $wpdb->query($wpdb->prepare("UPDATE $wpdb->posts SET post_content = REPLACE(post_content, %s, %s)", lugsail_old_address(), home_url('/')));
    $wpdb->query($wpdb->prepare("UPDATE $wpdb->options SET option_value = %s WHERE option_name IN ('siteurl', 'home')", home_url()));
    wp_cache_flush();
});
