typedef int prismi_placeholder_image;
