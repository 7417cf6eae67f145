typedef int prismi_placeholder_nn;
